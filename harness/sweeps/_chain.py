"""Chain: an exception and everything that it came from."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from harness.errors import HorizonExceededError, VirtualDeadlockError


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
    that they keep open."""
    for one in chain(error):
        traceback.clear_frames(one.__traceback__)
