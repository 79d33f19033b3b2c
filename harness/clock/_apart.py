"""Apart: while a run goes on, what was there before is set apart from the garbage collector, so that looking for
what the run leaves takes as long as the run is large, and not as the process is.

Whatever was set apart once is old for the collector ever after, and it looks through the old only when enough has grown
old under its own eyes. So each block looks for its own garbage before it ends: left to the collector, the circles of
every run, which are exceptions with their frames, sessions and tasks, stayed until the process ended.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OWN_MAX: Final = 1_000
"""More than Python itself sets apart: none, or a few hundred objects in 3.12."""
_open: list[object] = []
"""The blocks of `old_set_apart` that are open."""


@contextmanager
def old_set_apart() -> Iterator[None]:
    """What was there before is nobody's leftover: the collector need not look at it again each time.

    With a few SDKs loaded that is a third of a second each time, and the run itself takes a few milliseconds. A block
    within another one begins without the garbage of the outer. Where somebody else has set objects apart, they may want
    that to stay so, and it does.
    """
    if _open:
        gc.collect()
        yield
        return
    if gc.get_freeze_count() > _OWN_MAX:  # it counts, so it is asked once for a whole run
        yield
        return
    gc.collect(1)  # what was just left, before it is old
    gc.freeze()
    _open.append(None)
    try:
        yield
    finally:
        _open.pop()
        gc.collect()
        gc.unfreeze()
