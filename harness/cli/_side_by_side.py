"""Two columns: what was heard live, and what the replay said. Pure: values in, lines out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from harness.cli._axis import duration
from harness.cli._terminal import Terminal
from harness.dialects import decoder
from harness.model import Chunk, Delta, Interaction, Nanos, Text

_Heard: TypeAlias = tuple[Nanos, bytes, str]
_FIRST_SHOWN = 6
_LAST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Side:
    """One column: the transcript of the session, and its one answer."""

    title: str
    transcript: str
    interaction: Interaction


def side_by_side(left: Side, right: Side, terminal: Terminal) -> Iterator[str]:
    """The lines to print. Chunks in the middle are left out where they are equal; a difference is always shown."""
    bar = " │ " if terminal.unicode else " | "
    width = (terminal.width - len(bar)) // 2

    def row(a: str, b: str) -> str:
        return f"{a:<{width}}{bar}{b}".rstrip()

    yield terminal.paint(row(left.title, right.title), "title")
    for a, b in zip_longest(_wrapped(left, width, terminal), _wrapped(right, width, terminal), fillvalue=""):
        yield row(a, b)
    yield row("", "")
    for a, b, same in _chunk_rows(left.interaction, right.interaction):
        line = row(_fitting(a, width, terminal), _fitting(b, width, terminal))
        yield line if same else terminal.paint(line, "bad")


def _wrapped(side: Side, width: int, terminal: Terminal) -> list[str]:
    lines = terminal.printable(side.transcript).split("\n")
    return [
        piece for line in lines for piece in textwrap.wrap(_squeezed(line), width, subsequent_indent=" " * 8) or [""]
    ]


def _squeezed(line: str) -> str:
    """The indentation of `line`, and its columns one space apart: half a terminal is narrow."""
    indent = len(line) - len(line.lstrip())
    return " " * min(indent, 4) + " ".join(line.split())


def _chunk_rows(left: Interaction, right: Interaction) -> Iterator[tuple[str, str, bool]]:
    pairs = list(zip_longest(_chunks(left), _chunks(right)))
    skipped = 0
    for number, (a, b) in enumerate(pairs):
        same = a is not None and b is not None and a[1] == b[1]
        if same and _FIRST_SHOWN <= number < len(pairs) - _LAST_SHOWN:
            skipped += 1
            continue
        if skipped:
            yield f"  {skipped} more", "  the same", True
            skipped = 0
        yield _row(number, a), _row(number, b), same


def _chunks(interaction: Interaction) -> Sequence[_Heard]:
    """When each chunk came, its bytes, and the text that they completed."""
    timeline = interaction.timeline
    if timeline.head is None:
        return []
    decode = decoder(interaction.request, timeline.head)
    chunks = [(at, event.data) for at, event in timeline.events if isinstance(event, Chunk)]
    return [(at, data, _text(decode.feed(data)) if decode else "") for at, data in chunks]


def _text(deltas: Iterable[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def _row(number: int, chunk: _Heard | None) -> str:
    if chunk is None:
        return f"  #{number + 1} nothing"
    at, data, text = chunk
    said = json.dumps(text, ensure_ascii=False) if text else ""
    return f"  #{number + 1:<4}{duration(at):>9}{len(data):>6} B  {said}".rstrip()


def _fitting(text: str, width: int, terminal: Terminal) -> str:
    shown = terminal.printable(text)
    return shown if len(shown) <= width else shown[: width - 1] + ("…" if terminal.unicode else "~")
