"""The body family: an answer that is not what its head says of it, by length, by coding, or by a byte order mark.

In the middle of HTTP: a parser reads every one of these, and what it makes of it is what the caller sees.
"""

from __future__ import annotations

import zlib
from itertools import accumulate
from typing import Final

from harness.dialects import BUILT_IN
from harness.faults._cutting import broken_off, edited, reheaded, unsized, upto
from harness.faults._fault import BuiltIn, NoPlaceError
from harness.faults._params import Values, count
from harness.faults._where import BODY
from harness.model import End, Timeline
from harness.spec import Asked, FaultSite

WIRE: Final = frozenset(dialect.name for dialect in BUILT_IN) - {"native"}
"""Every dialect that has heads and bodies. A backend has neither."""
_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = 31
"""What zlib calls the gzip framing, at its largest window."""


def _too_long(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The length says more than comes."""
    del site, asked
    whole = reheaded(timeline.cut(len(timeline.chunks)), content_length=str(len(timeline.body) + values["by"]))
    return whole.then(broken_off(whole))


def _too_short(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The length says less than the server sends: a client reads that much, and never sees the rest."""
    del site, asked
    length = _less(timeline, values["by"])
    return reheaded(upto(timeline, length), content_length=str(length)).then(End())


def _plain_as_gzip(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, values, asked
    return unsized(reheaded(timeline, content_encoding="gzip"))


def _gzip(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """The same answer, compressed as a server does that flushes after every chunk."""
    del site, values, asked
    return _compressed(timeline)


def _gzip_cut(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """A compressed answer whose end is missing, in a body that ends properly."""
    del site, asked
    packed = _compressed(timeline)
    return upto(packed, max(1, len(packed.body) - values["by"])).then(End())


def _compressed(timeline: Timeline) -> Timeline:
    packer = zlib.compressobj(wbits=_GZIP)
    packed = [packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH) for chunk in timeline.chunks]
    packed[-1] += packer.flush(zlib.Z_FINISH)
    ends = list(accumulate(map(len, timeline.chunks), initial=0))
    spans = zip(ends, ends[1:], packed, strict=False)
    return reheaded(edited(timeline, spans), content_encoding="gzip")


def _cut_json(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, asked
    return unsized(upto(timeline, _less(timeline, values["by"]))).then(End())


def _bom(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del site, values, asked
    return edited(timeline, [(0, 1, _BOM + timeline.body[:1])])


def _less(timeline: Timeline, by: int) -> int:
    """The length less `by` bytes. Raises NoPlaceError where that is nothing."""
    length = len(timeline.body) - by
    if length < 1:
        message = f"the answer has {len(timeline.body)} bytes, so {by} fewer are none"
        raise NoPlaceError(message)
    return length


def body_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""
    by = {"by": count(10, "how many bytes")}
    return (
        BuiltIn(
            name="content-length-too-long",
            phase="headers",
            about="the head promises more bytes than come",
            effect=_too_long,
            place=BODY,
            takes=by,
            dialects=WIRE,
        ),
        BuiltIn(
            name="content-length-too-short",
            phase="headers",
            about="the head promises fewer bytes than the answer has, so its end is never read",
            effect=_too_short,
            place=BODY,
            takes=by,
        ),
        BuiltIn(
            name="bad-content-encoding",
            phase="headers",
            about="the head says gzip, and the body is plain",
            effect=_plain_as_gzip,
            place=BODY,
            dialects=WIRE,
        ),
        BuiltIn(
            name="gzip-truncated",
            phase="headers",
            about="a compressed body without its end",
            effect=_gzip_cut,
            place=BODY,
            takes=by,
            dialects=WIRE,
        ),
        BuiltIn(
            name="json-body-truncated",
            phase="headers",
            about="the last bytes of the body are missing, and nothing says so",
            effect=_cut_json,
            place=BODY,
            takes=by,
        ),
        BuiltIn(
            name="json-body-bom",
            phase="headers",
            about="the body begins with a byte order mark",
            effect=_bom,
            place=BODY,
        ),
        BuiltIn(
            name="gzip-ok",
            phase="benign",
            about="the body is compressed, as the head says",
            effect=_gzip,
            place=BODY,
            dialects=WIRE,
        ),
    )
