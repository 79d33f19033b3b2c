"""Redaction of an answer that is still arriving, texts included that its events spell together.

Rules:

1. What is let go of holds no secret, whatever comes next: neither in its bytes nor in any text that was said so far.
2. An event whose text is undecided is written at once without that text, and again, whole, when it is decided
   (`Fill`). So little waits: at most `WITHHELD_MAX` bytes of each text, and the event that has not arrived whole.
3. A text is what one place of consecutive documents says (see `_leaves`). A place that says the same again and again
   is an id, and what it says stands alone.

Holding the events back was tried: a key of sixty characters takes twenty events of three hundred bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

from harness.matching._frames import Frame, Framer
from harness.matching._leaves import Channel, Leaf, spelled
from harness.matching._redaction import Redaction
from harness.matching._spans import Span, merged
from harness.matching._stream import Piece, StreamRedactor, pieces_of
from harness.matching._woven import escaped_spans

_CHANNELS_MAX: Final = 4096


class Fill(NamedTuple):
    """What stands where `Piece.hole` was `hole`, now that it is decided."""

    hole: int
    pieces: list[Piece]


class Let(NamedTuple):
    """What may be written now: `pieces` follow what was let go of before, `fills` complete it."""

    pieces: list[Piece]
    fills: list[Fill]


@dataclass(slots=True, eq=False)
class _Woven:
    """One frame. `spans` are the secrets in its texts, `open` the texts that are undecided."""

    frame: Frame
    spans: list[Span] = field(default_factory=list)
    open: set[Leaf] = field(default_factory=set)
    hole: int = 0


@dataclass(slots=True, eq=False)
class _Said:
    """A text that is not decided to its end. `done` bytes of it are."""

    woven: _Woven
    leaf: Leaf
    text: bytes
    done: int = 0


class AnswerRedactor:
    """Redacts one answer piece by piece. Not thread-safe: a body arrives in one place."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._framer = Framer()
        self._plain = StreamRedactor(redaction)
        self._probe = StreamRedactor(redaction)
        self._channels: dict[Channel, _Channel] = {}
        self._holes = count(1)
        self._filled: list[_Woven] = []

    def feed(self, data: bytes) -> Let:
        """What may be written now that `data` has arrived."""
        items = [item for part in self._framer.feed(data) for item in self._taken(part)]
        return self._let(items)

    def close(self) -> Let:
        """The rest: nothing comes after it."""
        items = [item for part in self._framer.close() for item in self._taken(part)]
        items += self._plain.close()
        for channel in self._channels.values():
            self._filled += channel.close()
        return self._let(items)

    def _taken(self, part: Frame | bytes) -> Iterator[Piece | _Woven]:
        if isinstance(part, bytes):
            yield from self._plain.feed(part)
            return
        yield from self._plain.close()
        yield self._weave(part)

    def _weave(self, frame: Frame) -> _Woven:
        woven = _Woven(frame)
        for leaf in frame.leaves:
            if leaf.text:
                self._filled += self._channel(leaf.channel).said(woven, leaf)
        return woven

    def _channel(self, name: Channel) -> _Channel:
        found = self._channels.get(name)
        if found is None:
            if len(self._channels) >= _CHANNELS_MAX:
                self._channels = {key: one for key, one in self._channels.items() if one.waits}
            found = self._channels[name] = _Channel(self._redaction)
        return found

    def _let(self, items: Sequence[Piece | _Woven]) -> Let:
        filled, self._filled = self._filled, []
        fills = [Fill(woven.hole, list(self._whole(woven))) for woven in filled if woven.hole]
        return Let([piece for item in items for piece in self._pieces(item)], fills)

    def _pieces(self, item: Piece | _Woven) -> Iterator[Piece]:
        if isinstance(item, Piece):
            yield item
        elif not item.open:
            yield from self._whole(item)
        else:
            item.hole = next(self._holes)
            blank = [Span(leaf.start, leaf.stop, "", b"") for leaf in item.open]
            shown = b"".join(piece.data for piece in self._rendered(item, [*blank, *item.spans]))
            yield Piece(len(item.frame.raw), shown, item.hole)

    def _whole(self, woven: _Woven) -> Iterator[Piece]:
        return self._rendered(woven, woven.spans)

    def _rendered(self, woven: _Woven, spans: list[Span]) -> Iterator[Piece]:
        frame, said = woven.frame, woven.frame.said
        found = self._redaction.spans(said) if self._probe.is_suspicious(said) else []
        spans = merged([*spans, *escaped_spans(said, self._redaction.spans, self._redaction.fields), *found])
        return pieces_of(frame.raw, 0, len(frame.raw), frame.spans(spans))


class _Channel:
    """One text, said in pieces."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._redactor = StreamRedactor(redaction)
        self._waiting: deque[_Said] = deque()
        self._first: str | None = None
        self._varied = False

    @property
    def waits(self) -> bool:
        """Whether any of it is undecided."""
        return bool(self._waiting)

    def said(self, woven: _Woven, leaf: Leaf) -> list[_Woven]:
        """`leaf` goes on with the text. Returns the frames of which all is decided by it, this one less."""
        if not self._varied and leaf.text == self._first:
            done = self.close()
            self._redactor = StreamRedactor(self._redaction)
            return done
        self._varied = self._first is not None
        self._first = self._first or leaf.text
        text = leaf.text.encode("utf-8", "surrogatepass")
        woven.open.add(leaf)
        self._waiting.append(_Said(woven, leaf, text))
        return self._decided(self._redactor.feed(text))

    def close(self) -> list[_Woven]:
        """Nothing comes after it."""
        done = self._decided(self._redactor.close())
        while self._waiting:  # the rest of a secret that was swallowed
            done += self._end(self._waiting.popleft())
        return done

    def _decided(self, pieces: Sequence[Piece]) -> list[_Woven]:
        done: list[_Woven] = []
        for piece in pieces:
            spent = 0
            while spent < piece.raw:
                said = self._waiting[0]
                size = min(piece.raw - spent, len(said.text) - said.done)
                self._mark(said, size, piece, spent)
                spent += size
                if said.done == len(said.text):
                    done += self._end(self._waiting.popleft())
        return done

    @staticmethod
    def _mark(said: _Said, size: int, piece: Piece, spent: int) -> None:
        """The next `size` bytes of `said` are those of `piece` from `spent` on, or a share of what stands in there."""
        start, stop = said.done, said.done + size
        said.done = stop
        share = piece.data[spent : spent + size]
        if len(piece.data) == piece.raw and share == said.text[start:stop]:
            return
        begin, end = (at * len(piece.data) // piece.raw for at in (spent, spent + size))
        where = spelled(said.woven.frame.said, said.leaf, start, stop)
        said.woven.spans.append(Span(*where, "", piece.data[begin:end]))

    @staticmethod
    def _end(said: _Said) -> list[_Woven]:
        said.woven.open.discard(said.leaf)
        return [] if said.woven.open else [said.woven]
