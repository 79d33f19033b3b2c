"""The command line: one file per verb, imported when it is chosen, so that `harness --help` costs almost nothing."""

from harness.cli._main import main

__all__ = ["main"]
