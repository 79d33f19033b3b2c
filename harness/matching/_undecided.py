"""Where at the end of a text a secret may have begun that what has not arrived yet would make one.

Rules:

1. Nothing that the shapes of `_kinds` could still find is let go of: the run of token characters at the end waits.
2. An ordinary end does not wait: `Hello`, `chatcmpl-9x` and `gpt-4o` begin no shape, whatever comes next. Without this
   rule nearly every event of a stream would wait for the next one.
3. In doubt it waits. The one shape that has no prefix (an Azure key: letters and digits, no more) is waited for from
   where capitals, small letters and digits are mixed; the one plain word that it may begin with is let go of.
"""

from __future__ import annotations

import re
from typing import Final

from harness.matching._kinds import BEHIND, BEHIND_SHORT, SIZED, STARTS

_TAIL: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+/.~=%\\"
_ODD: Final = frozenset(b"=%\\~+")
_SEGMENTS: Final = re.compile(rb"[^/.]+")
_SHORT_STARTS: Final = frozenset(start[:size] for start in STARTS for size in (1, 2))
_PLAIN: Final = re.compile(rb"[A-Z]?[a-z]*|[A-Z]+|[0-9]+|.*[_-].*", re.DOTALL)
_WITHOUT_PREFIX_MAX: Final = max(SIZED)
_NAMED: Final = tuple(name for _, name, _ in SIZED.values() if name is not None)
_NAME_BEFORE: Final = 40
# `GET /x?access_token=` and `name="password"` make a secret of whatever follows.
_LEADS: Final = frozenset(b'=:@&?"')
_TELEGRAM: Final = b"AA"


def undecided(window: bytes) -> int:
    """Where the undecided end of `window` begins; its length where there is none."""
    start = len(window.rstrip(_TAIL))
    return start if start < len(window) and _may_begin(window, start) else len(window)


def _may_begin(window: bytes, start: int) -> bool:
    tail = window[start:]
    if not _ODD.isdisjoint(tail) or (start and window[start - 1] in _LEADS and _is_led(window, start)):
        return True
    if window[max(0, start - 4) : start] in BEHIND:
        return True
    if any(name.search(window[max(0, start - _NAME_BEFORE) : start]) for name in _NAMED):
        return True
    return any(_begins(tail, *found.span()) for found in _SEGMENTS.finditer(tail))


def _is_led(window: bytes, start: int) -> bool:
    before = window[max(0, start - 64) : start]
    return before[-1:] != b'"' or b"name=" in before


def _begins(tail: bytes, start: int, stop: int) -> bool:
    segment = tail[start:stop].lstrip(b"-_+")
    if len(segment) < 3:
        return not segment or segment in _SHORT_STARTS or tail[max(0, start - 3) : start] in BEHIND_SHORT
    if segment[:3] in STARTS or tail[max(0, start - 3) : start] in BEHIND_SHORT:
        return True
    if tail[max(0, start - 4) : start] in BEHIND or segment.startswith(_TELEGRAM):
        return True
    return len(segment) <= _WITHOUT_PREFIX_MAX and _PLAIN.fullmatch(segment) is None
