"""What a keyword of the front door says, checked where it comes in: a slip of the pen must not switch a check off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from harness.errors import nearest

Word = TypeVar("Word", bound=str)


def checked_word(key: str, value: Word, known: Sequence[str]) -> Word:
    """`value`, if it is one of `known`. Raises ValueError that names them."""
    if value in known:
        return value
    message = f"{key} is one of {', '.join(known)}, not {value!r}{nearest(value, known)}"
    raise ValueError(message)


def checked_matcher(matcher: object, *, recorded: bool) -> None:
    """Raises TypeError for what cannot be called, ValueError where there is no recording for it to match with."""
    if matcher is None:
        return
    if not callable(matcher):
        message = f"matcher has to be a function of two requests, the recorded one and the one asked, not {matcher!r}"
        raise TypeError(message)
    if not recorded:
        message = "matcher is for recordings: a scenario matches by its own conditions, and a function by what it says"
        raise ValueError(message)
