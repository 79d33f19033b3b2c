"""What stops a reader: said once with its place, then carried to the door, where the file's name is put before it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class Unreadable(ValueError):  # noqa: N818 - never leaves this room: `parse` turns it into a CassetteError
    """`what` is wrong, at `place` (`interaction #3, response.status` or `line 7, column 3`), and what to do then."""

    def __init__(self, what: str, place: str = "", advice: str = "") -> None:
        self.what = what
        self.place = place
        self.advice = advice
        super().__init__(what)

    def within(self, place: str) -> Unreadable:
        """The same trouble, seen from outside: `place` goes before the place that is known already."""
        inner = f"{place}, {self.place}" if self.place else place
        return Unreadable(self.what, inner, self.advice)

    def told(self, name: str) -> str:
        """The whole sentence, beginning with the file's `name`."""
        where = f"{name}: {self.place}" if self.place else name
        advice = f" {self.advice}" if self.advice else ""
        return f"{where}: {self.what}.{advice}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'headers'?`, or nothing where no known word is near."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""
