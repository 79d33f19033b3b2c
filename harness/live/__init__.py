"""Backends that call a real model, by name. No implementation is imported before it is chosen."""

from harness.live._choose import choose

__all__ = ["choose"]
