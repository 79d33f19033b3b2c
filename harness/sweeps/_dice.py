"""Dice: chance falls the same way in every run."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def same_dice(seed: int) -> Iterator[None]:
    """Within the block `random` begins with `seed`, and so does trio, where it is loaded: it rolls dice of its own for
    which task runs next, so that concurrent calls would go out in another order each time. The switch is the one that
    trio keeps for Hypothesis."""
    state = random.getstate()
    random.seed(seed)
    trio: Any = sys.modules.get("trio._core._run")
    before = getattr(trio, "_ALLOW_DETERMINISTIC_SCHEDULING", None)
    if before is not None:
        trio._ALLOW_DETERMINISTIC_SCHEDULING = True  # noqa: SLF001 - nobody else can say it
        trio._r.seed(seed)  # noqa: SLF001 - as above
    try:
        yield
    finally:
        random.setstate(state)
        if before is not None:
            trio._ALLOW_DETERMINISTIC_SCHEDULING = before  # noqa: SLF001 - as above
