"""Chain: an exception and everything that it came from."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Final

from harness.errors import HorizonExceededError, VirtualDeadlockError

_SUSPENDS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error`, what caused it, what it came from, and the members of groups; each once."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__context__, one.__cause__]
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions


def stuck_in(error: BaseException | None) -> str:
    """Why the run that ended with `error` would have hung; empty where it would not."""
    return next((str(one) for one in chain(error) if isinstance(one, VirtualDeadlockError | HorizonExceededError)), "")


def let_go(error: BaseException | None) -> None:
    """Drop the locals that a traceback holds: in a program the exception is handled and gone, and with it the answers
    that they keep open. A frame also holds the one that called it, down to the loop that ran it; of these only plain
    functions are cleared, as what is suspended would be closed. One that still runs is left as it is."""
    seen: set[FrameType] = set()
    for one in chain(error):
        traceback.clear_frames(one.__traceback__)
        place = one.__traceback__
        while place is not None:
            _clear_callers(place.tb_frame.f_back, seen)
            place = place.tb_next


def _clear_callers(frame: FrameType | None, seen: set[FrameType]) -> None:
    while frame is not None and frame not in seen:
        seen.add(frame)
        if not frame.f_code.co_flags & _SUSPENDS:
            try:
                frame.clear()
            except RuntimeError:  # it runs, and so does whatever called it
                return
        frame = frame.f_back
