"""These tests need two applications that were not written for this project: `tox -e outside` installs and runs them."""

from __future__ import annotations

from importlib.util import find_spec

if not all(map(find_spec, ("axiom", "decnet", "sqlmodel"))):
    collect_ignore_glob = ["*"]
