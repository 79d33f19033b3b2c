"""What a keyword of the front door says, checked where it comes in: a slip of the pen must not switch a check off."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TypeVar

Word = TypeVar("Word", bound=str)


def checked_word(key: str, value: Word, known: Sequence[str]) -> Word:
    """`value`, if it is one of `known`. Raises ValueError that names them."""
    if value in known:
        return value
    near = get_close_matches(str(value), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    message = f"{key} is one of {', '.join(known)}, not {value!r}{hint}"
    raise ValueError(message)
