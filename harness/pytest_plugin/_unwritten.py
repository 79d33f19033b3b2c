"""What comes of a fault is no snapshot: while a case runs, nobody writes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

_WRITING: Final = ("update_snapshots", "update_new_snapshots_only", "snapshot_update", "force_regen", "regen_all")
"""By which options a run writes instead of comparing: of syrupy, of pytest-snapshot and of pytest-regressions."""


@contextmanager
def unwritten(config: pytest.Config, *, faulted: bool) -> Iterator[None]:
    """Within the block the run of a case compares, whatever the whole run was told: a case asks what a fault changes,
    and an answer that was cut off must not become the one that is expected."""
    told = {name: getattr(config.option, name) for name in _WRITING if getattr(config.option, name, False)}
    for name in told if faulted else ():
        setattr(config.option, name, False)
    try:
        yield
    finally:
        for name, value in told.items():
            setattr(config.option, name, value)
