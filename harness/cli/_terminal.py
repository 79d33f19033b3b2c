"""What the terminal can show: its width, its characters, its colours. Recorded text never steers it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TextIO

Role = Literal["title", "quiet", "good", "bad", "tick"]

_ANSI: Mapping[Role, str] = {"title": "1", "quiet": "2", "good": "32", "bad": "31", "tick": "36"}
_WIDTH_MIN = 40
_WIDTH_MAX = 160


@dataclass(frozen=True, slots=True)
class Terminal:
    """`width` is in columns; `unicode` is False where the encoding has no line-drawing characters."""

    width: int = 80
    unicode: bool = True
    colour: bool = False

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Terminal:
        """What `stream` is. Colour only on a terminal, and never where NO_COLOR is set (no-color.org)."""
        columns = shutil.get_terminal_size((80, 24)).columns
        return cls(
            width=max(_WIDTH_MIN, min(columns, _WIDTH_MAX)),
            unicode="utf" in (stream.encoding or "").lower(),
            colour=stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        )

    @classmethod
    def here(cls) -> Terminal:
        """Standard output."""
        return cls.of(sys.stdout, os.environ)

    def paint(self, text: str, role: Role) -> str:
        """`text` in the colour of its role, where there are colours."""
        return f"\x1b[{_ANSI[role]}m{text}\x1b[0m" if self.colour and text else text

    def printable(self, text: str) -> str:
        """`text` with control characters escaped: a recorded answer must not move the cursor or retitle a window."""
        shown = "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)
        return shown if self.unicode else shown.encode("ascii", "backslashreplace").decode()


def _escaped(character: str) -> str:
    return repr(character)[1:-1]
