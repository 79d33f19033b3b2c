"""Secrets that are not to be seen in the bytes: spelled with escapes, or over several events of a stream.

`"sk-pro"` in one delta and `"j-Ab…"` in the next are one key to everybody who reads the stream.
Each of the parts is replaced by a share of the constant, so that every event keeps a text and its time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from harness.matching._leaves import Leaf, leaves, spelled
from harness.matching._spans import FieldFinder, Span, is_secret

Find = Callable[[bytes], Sequence[Span]]
_TOO_MANY = 200_000  # texts in one body; more than that is a list of numbers or an attack


def escaped_spans(data: bytes, find: Find, fields: FieldFinder) -> Iterator[Span]:
    r"""Secrets in one JSON document that needless escapes hide from a look at its bytes: `sk\u002dproj…`, `a\/b`."""
    if b"\\/" not in data and b"\\u00" not in data:
        return
    for leaf in leaves(data):
        kind = fields.table.get(leaf.name, "")
        if kind and is_secret(kind, leaf.text):
            yield Span(leaf.start, leaf.stop, kind)
        elif b"\\" in data[leaf.start : leaf.stop]:
            # As the canonical body has it, so that what is replaced here is what the key leaves out.
            normal = json.dumps(leaf.text)[1:-1].encode()
            if normal != data[leaf.start : leaf.stop]:
                yield from _respelled(data, leaf, normal, find)


def _respelled(data: bytes, leaf: Leaf, normal: bytes, find: Find) -> Iterator[Span]:
    for start, stop, kind, _ in find(normal):
        # An offset in the normal spelling is one in the text, and that is one in this spelling.
        yield Span(*spelled(data, leaf, _in_text(normal, start), _in_text(normal, stop)), kind)


def _in_text(normal: bytes, offset: int) -> int:
    while True:
        try:
            return len(json.loads(f'"{normal[:offset].decode()}"').encode("utf-8", "surrogatepass"))
        except ValueError:  # in the middle of an escape
            offset -= 1


def woven_spans(data: bytes, find: Find) -> Iterator[Span]:
    """Secrets that several texts of one channel spell together."""
    for channel in channels(data):
        texts = [leaf.text.encode("utf-8", "surrogatepass") for leaf in channel]
        ends = list(accumulate(map(len, texts)))
        # Also what stands in one text alone: that it is a secret may be told by the text before it or after it.
        for start, stop, kind, _ in find(b"".join(texts)):
            yield from _parts(data, channel, texts, ends, Span(start, stop, kind))


def channels(data: bytes) -> list[list[Leaf]]:
    """The texts that are written in several pieces: at least two, and not the same one again and again, as an id is."""
    found = leaves(data)
    if len(found) > _TOO_MANY:
        return []
    grouped: defaultdict[object, list[Leaf]] = defaultdict(list)
    for leaf in found:
        if leaf.text:
            grouped[leaf.channel].append(leaf)
    return [group for group in grouped.values() if len({leaf.text for leaf in group}) > 1]


def _parts(
    data: bytes, channel: Sequence[Leaf], texts: Sequence[bytes], ends: Sequence[int], whole: Span
) -> Iterator[Span]:
    size = len(whole.stands_in)
    length = whole.stop - whole.start
    for leaf, text, end in zip(channel, texts, ends, strict=True):
        begin = end - len(text)
        start, stop = max(whole.start, begin), min(whole.stop, end)
        if start < stop:
            share = (start - whole.start) * size // length, (stop - whole.start) * size // length
            yield Span(*spelled(data, leaf, start - begin, stop - begin), whole.kind, share)
