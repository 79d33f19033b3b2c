"""What a program for terminals wrote, without what it wrote for the terminal: escape codes and spinner frames."""

from __future__ import annotations

import codecs
import re
from typing import Final

_ESCAPE: Final = r"(?:\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\^_=>78]))"
_FRAME: Final = "[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]"
_HIDDEN: Final = re.compile(rf"(?:(?:{_ESCAPE}|\r)*{_FRAME} ?)+(?:{_ESCAPE}|\r(?!\n))+|{_ESCAPE}")
"""A frame is one only where a code or a carriage return comes after it: otherwise it is Braille."""
_UNDECIDED: Final = re.compile(
    rf"(?:{_ESCAPE}|\r|{_FRAME} ?)*(?:\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{{0,256}}\x1b?)?)?\Z"
)
_CUT_SHORT: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,256}\x1b?)?\Z")


class TerminalText:
    """Takes bytes as they come, in any pieces, and gives the text in them as early as it is certain."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    def feed(self, data: bytes) -> str:
        """What `data` makes certain."""
        self._pending += self._decoder.decode(data)
        undecided = _UNDECIDED.search(self._pending)
        assert undecided is not None, "the pattern matches nothing at the end, too"
        sure, self._pending = self._pending[: undecided.start()], self._pending[undecided.start() :]
        return _HIDDEN.sub("", sure)

    def close(self) -> str:
        """The rest. A code that was cut short is none of the text."""
        rest = self._pending + self._decoder.decode(b"", final=True)
        self._pending = ""
        return _CUT_SHORT.sub("", _HIDDEN.sub("", rest))


def plain(data: bytes) -> str:
    """The text in `data`, all at once."""
    text = TerminalText()
    return text.feed(data) + text.close()


class LastLines:
    """Holds the line ends at the end of a text back until something follows: the last two are the command's own, which
    prints an empty line after every answer."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """`text` and what was held back, less the line ends at its end."""
        whole = self._held + text
        said = whole.rstrip("\n")
        self._held = whole[len(said) :]
        return said

    def close(self) -> str:
        """What was held back, less the empty line."""
        return self._held.removesuffix("\n\n")
