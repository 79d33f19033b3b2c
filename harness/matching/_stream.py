"""Redaction of a body that is still arriving: what is let go of can be written down, whatever comes next.

Rules:

1. Bytes are let go of as soon as no secret can begin in them and end in what has not arrived. That is nearly always at
   once: events end with a line break, and no shape goes past one.
2. What may still become a secret is withheld: a run of token characters at the end that could begin one, a secret
   field whose value has not ended, a private key. At most `WITHHELD_MAX` bytes, and with shapes of the user's own
   always that many: nobody knows what an arbitrary pattern may yet match.
3. A secret longer than that is replaced when the bound is reached, and its rest is swallowed until it ends.
4. A window of what was let go of is kept, because shapes look back.

What a whole body's redaction finds, this finds; on an unclosed secret this takes more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from harness.matching._kinds import PEM, PEM_NEEDLE
from harness.matching._named import USERINFO_OPEN, has_needle
from harness.matching._redaction import Redaction
from harness.matching._spans import CLASSES, LONG, FieldFinder, Span, shape_spans
from harness.matching._undecided import undecided

WITHHELD_MAX: Final = 4096
_CONTEXT: Final = 128  # more than every look-behind, and than the longest name of a field with its quotes
_PEM_BEGINS: Final = re.compile(rb"-----(?:B(?:E(?:G(?:I(?:N(?: [A-Z0-9 ]{0,40}-{0,5})?)?)?)?)?)?\Z")
_PEM_OPEN: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\:,.()-]*\Z")
_PEM_END: Final = re.compile(rb"-----END [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----")
_PEM_NEEDLE: Final = b"-----B"
_ENDS_OF_SHAPE: Final = re.compile(rb"[^A-Za-z0-9_+/.~=%-]")
_ENDS_OF_PEM: Final = re.compile(rb"[^A-Za-z0-9+/=\s\\:,.()-]")
_ENDS_OF_FIELD: Final = re.compile(rb'(?<!\\)"')
_ENDS_OF_NESTED: Final = re.compile(rb'(?<!\\)\\?"')


class Piece(NamedTuple):
    """`raw` bytes of the stream, and what may be written of them. Where nothing was replaced, `raw` is their length.

    Where `hole` is not 0 something is missing in `data`, and it may be completed later under that number.
    """

    raw: int
    data: bytes
    hole: int = 0


class _Open(NamedTuple):
    """From `start` on nothing is decided. `kind` is set where it is a secret already, `ends` finds where it stops."""

    start: int
    kind: str = ""
    ends: re.Pattern[bytes] = _ENDS_OF_SHAPE

    def span(self, stop: int) -> Span:
        """All of it up to `stop`, as the secret that it is."""
        return Span(self.start, stop, self.kind)


class StreamRedactor:
    """Redacts one body piece by piece. Not thread-safe: a body arrives in one place."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._fields = _open_fields(redaction.fields)
        self._always = bool(redaction.extra)
        self._context = b""
        self._held = b""
        self._swallowing: re.Pattern[bytes] | None = None

    def feed(self, data: bytes) -> list[Piece]:
        """What may be written now that `data` has arrived."""
        if self._swallowing is not None:
            return self._swallowed(data, self._swallowing)
        known = len(self._context)
        window = self._context + self._held + data
        if not self.is_suspicious(window):
            stop = max(known, undecided(window))
            if len(window) - stop <= WITHHELD_MAX:
                self._keep(window, stop)
                return [Piece(stop - known, window[known:stop])] if stop > known else []
        return self._decided(window, known)

    def close(self) -> list[Piece]:
        """The rest: nothing comes after it."""
        if self._swallowing is not None or not self._held:
            return []
        known = len(self._context)
        window = self._context + self._held
        spans = self._redaction.spans(window)
        secret = self._opened(window, spans)[1]
        if secret is not None:
            spans = [*(span for span in spans if span.stop <= secret.start), secret.span(len(window))]
        self._keep(window, len(window))
        return list(pieces_of(window, known, len(window), spans))

    def is_suspicious(self, window: bytes) -> bool:
        """False where there is no secret and none begins, save in a run of token characters at the end."""
        return (
            self._always
            or (window.translate(CLASSES).find(LONG) >= 0 and any(shape_spans(window)))
            or self._fields.has_name(window)
            or b"----" in window
            or has_needle(window)
        )

    def _decided(self, window: bytes, known: int) -> list[Piece]:
        spans = self._redaction.spans(window)
        start, secret = self._opened(window, spans)
        stop = max(known, start)
        if len(window) - stop > WITHHELD_MAX:
            stop = len(window)
            if secret is not None:
                spans = [*(span for span in spans if span.stop <= secret.start), secret.span(stop)]
                self._swallowing = secret.ends
            elif self._always:
                stop -= WITHHELD_MAX
                stop = next((span.stop for span in spans if span.start < stop < span.stop), stop)
        self._keep(window, stop)
        return list(pieces_of(window, known, stop, spans))

    def _opened(self, window: bytes, spans: list[Span]) -> tuple[int, _Open | None]:
        """Where the undecided part begins, the earliest of everything that is not finished, and the secret in it."""
        starts = [undecided(window), len(window)]
        secret = next((_Open(span.start, span.kind) for span in spans if span.stop == len(window)), None)
        field = self._fields.open_at(window)
        if field is not None:
            starts.append(field.start)
            secret = field if field.kind else secret
        if _PEM_NEEDLE in window and (begins := _PEM_BEGINS.search(window)):
            starts.append(begins.start())
        if userinfo := USERINFO_OPEN.search(window):
            starts.append(userinfo.start())
        if PEM_NEEDLE in window and (pem := _PEM_OPEN.search(window)) and not _PEM_END.search(pem[0]):
            secret = _Open(pem.start(), PEM[0], _ENDS_OF_PEM)
        if secret is not None:
            starts.append(secret.start)
        if self._always:
            starts.append(max(0, len(window) - WITHHELD_MAX))
        first = min(starts)
        return next((span.start for span in spans if span.start < first < span.stop), first), secret

    def _swallowed(self, data: bytes, ends: re.Pattern[bytes]) -> list[Piece]:
        found = ends.search(data)
        if found is None:
            return [Piece(len(data), b"")]
        self._swallowing, self._context, self._held = None, b"", b""
        gone = [Piece(found.start(), b"")] if found.start() else []
        return [*gone, *self.feed(data[found.start() :])]

    def _keep(self, window: bytes, stop: int) -> None:
        self._context = window[max(0, stop - _CONTEXT) : stop]
        self._held = window[stop:]


def pieces_of(window: bytes, start: int, stop: int, spans: list[Span]) -> Iterator[Piece]:
    """`window[start:stop]` with `spans` replaced, one piece for each stretch."""
    done = start
    for span in spans:
        if span.stop <= done or span.start >= stop:
            continue
        if span.start > done:
            yield Piece(span.start - done, window[done : span.start])
        end = min(span.stop, stop)
        yield Piece(end - max(done, span.start), span.stands_in)
        done = end
    if done < stop:
        yield Piece(stop - done, window[done:stop])


class _OpenFields:
    """Secret fields whose value has begun, or may begin, and has not ended."""

    def __init__(self, fields: FieldFinder) -> None:
        self._table = fields.table
        width = min(3, *map(len, fields.names))
        ends = "|".join(sorted({re.escape(name[-width:]) for name in fields.names}))
        # In a JSON text inside a string a name ends with a backslash, which escapes the quote.
        self._names = frozenset(spelling.encode() for name in fields.names for spelling in (name, f"{name}\\"))
        value = r'"(?P<value>(?:[^"\\]|\\.)*\\?)'
        nested = r'\\"(?P<value>(?:[^"\\]|\\\\\\"|\\[^"])*\\{0,3})'
        self._plain = re.compile(rf'"(?<=(?:{ends})")\s*(?::\s*(?:{value})?)?\Z'.encode(), re.DOTALL)
        self._nested = re.compile(rf'\\"(?<=(?:{ends})\\")(?::(?:\s|\\[nrt])*(?:\\|{nested})?)?\Z'.encode(), re.DOTALL)

    def has_name(self, window: bytes) -> bool:
        """True where the name of a secret field stands. Asked of every chunk: a pattern was tried, for ten times the
        price."""
        return not self._names.isdisjoint(window.split(b'"'))

    def open_at(self, window: bytes) -> _Open | None:
        """The first that is open at the end of `window`. It is undecided from its name on, and secret in its value."""
        if not self.has_name(window):
            return None
        found = [
            self._of(self._plain, b'"', _ENDS_OF_FIELD, window),
            self._of(self._nested, b'\\"', _ENDS_OF_NESTED, window),
        ]
        return min((one for one in found if one is not None), default=None, key=lambda one: one.start)

    def _of(self, pattern: re.Pattern[bytes], quote: bytes, ends: re.Pattern[bytes], window: bytes) -> _Open | None:
        for match in pattern.finditer(window):
            start = window.rfind(quote, max(0, match.start() - _CONTEXT), match.start())
            name = window[start + len(quote) : match.start()].decode("utf-8", "replace") if start >= 0 else ""
            if name in self._table:
                if match["value"]:
                    return _Open(match.start("value"), self._table[name], ends)
                return _Open(match.start())
        return None


@lru_cache(maxsize=64)
def _open_fields(fields: FieldFinder) -> _OpenFields:
    return _OpenFields(fields)
