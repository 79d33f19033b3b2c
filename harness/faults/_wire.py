"""The wire family: silence and broken connections. They look the same in every dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from harness.model import NEVER, ZERO, End, Nanos, Reset, Timeline, parse_duration
from harness.spec import FaultSite, Params

_EVERYWHERE: Final[frozenset[str]] = frozenset()
_INSIDE: Final = frozenset({"chunk", "token", "byte"})
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_FOR: Final[Mapping[str, str]] = MappingProxyType({"for": "a duration such as 45s, or forever (the default)"})


class StallBeforeHeaders:
    """Nothing comes for a while, then the answer as it was; or nothing ever.

    An Ollama that loads its model looks exactly like this.
    """

    name: str = "stall-before-headers"
    params: Mapping[str, str] = _FOR
    points: frozenset[str] = frozenset({"headers"})
    dialects: frozenset[str] = _EVERYWHERE

    def refuse(self, params: Params) -> None:
        """Raises ValueError where `for` is no duration."""
        _length(params)

    def sites(self, timeline: Timeline) -> Iterator[FaultSite]:
        """Before the head, or whatever else comes first."""
        if timeline.events:
            yield FaultSite("headers")

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, dialect: str) -> Timeline:
        """`timeline` later, or silence. Raises ValueError at another site and for no duration."""
        del dialect
        _only(self.name, site, "headers")
        length = _length(params)
        return Timeline((), left="open") if length >= NEVER else timeline.delayed(length)


class StallMidStream:
    """Nothing comes for a while after a chunk, then the rest; or nothing ever."""

    name: str = "stall-mid-stream"
    params: Mapping[str, str] = _FOR
    points: frozenset[str] = _INSIDE
    dialects: frozenset[str] = _EVERYWHERE

    def refuse(self, params: Params) -> None:
        """Raises ValueError where `for` is no duration."""
        _length(params)

    def sites(self, timeline: Timeline) -> Iterator[FaultSite]:
        """After each chunk, the last one among them: then it is the end that does not come."""
        return _after_chunks(timeline)

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, dialect: str) -> Timeline:
        """What follows the chunk of `site` later, or never. Raises ValueError at another site and for no duration."""
        del dialect
        number = _number(self.name, site, timeline)
        length = _length(params)
        if length >= NEVER:
            return timeline.cut(number)
        return timeline.delayed(length, start=1 + number)


class TruncateClean:
    """The answer ends too early and properly, as proxies do it: no terminator of the dialect, and no error."""

    name: str = "truncate-clean"
    params: Mapping[str, str] = _NONE
    points: frozenset[str] = _INSIDE
    dialects: frozenset[str] = _EVERYWHERE

    def refuse(self, params: Params) -> None:
        """There is nothing to refuse."""

    def sites(self, timeline: Timeline) -> Iterator[FaultSite]:
        """After each chunk but the last."""
        return (site for site in _after_chunks(timeline) if site.chunk != len(timeline.chunks))

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, dialect: str) -> Timeline:
        """The chunks up to that of `site`, then the end. Raises ValueError at another site."""
        del params, dialect
        return timeline.cut(_number(self.name, site, timeline)).then(End())


class Broken:
    """The connection breaks with `error`, as httpcore words it: before anything came (`headers`), or after a chunk."""

    params: Mapping[str, str] = _NONE
    dialects: frozenset[str] = _EVERYWHERE

    def __init__(self, name: str, error: Reset, points: frozenset[str]) -> None:
        self.name = name
        self.points = points
        self._error = error

    def refuse(self, params: Params) -> None:
        """There is nothing to refuse."""

    def sites(self, timeline: Timeline) -> Iterator[FaultSite]:
        """After each chunk; or the one place before the answer."""
        if self.points is _INSIDE:
            yield from _after_chunks(timeline)
        elif timeline.events:
            yield from (FaultSite(point) for point in self.points)

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, dialect: str) -> Timeline:
        """The chunks up to that of `site`, if any, then the error. Raises ValueError at another site."""
        del params, dialect
        if self.points is _INSIDE:
            return timeline.cut(_number(self.name, site, timeline)).then(self._error)
        _only(self.name, site, *self.points)
        at = ZERO if site.point == "connect" else timeline.events[0][0]
        return Timeline.failed(self._error, at=at)


def broken() -> tuple[Broken, ...]:
    """Every way in which a connection breaks, in the words of httpcore."""
    reset = Reset("ReadError", "[Errno 104] Connection reset by peer")
    refused = Reset("ConnectError", "[Errno 111] Connection refused")
    closed = Reset("RemoteProtocolError", "Server disconnected without sending a response.")
    cut = "peer closed connection without sending complete message body (incomplete chunked read)"
    before, connect = frozenset({"headers"}), frozenset({"connect"})
    return (
        Broken("connect-refused", refused, connect),
        Broken("close-before-headers", closed, before),
        Broken("reset-before-headers", reset, before),
        Broken("reset-mid-stream", reset, _INSIDE),
        Broken("eof-mid-stream", Reset("RemoteProtocolError", cut), _INSIDE),
    )


def _after_chunks(timeline: Timeline) -> Iterator[FaultSite]:
    return (FaultSite("chunk", number) for number in range(1, len(timeline.chunks) + 1))


def _number(name: str, site: FaultSite, timeline: Timeline) -> int:
    """The chunk of `site`, which has to be one of `timeline`."""
    _only(name, site, "chunk")
    if site.chunk is None or not 1 <= site.chunk <= len(timeline.chunks):
        message = f"{name} cannot strike after chunk {site.chunk} of an answer of {len(timeline.chunks)} chunks"
        raise ValueError(message)
    return site.chunk


def _only(name: str, site: FaultSite, *points: str) -> None:
    if site.point not in points:
        message = f"{name} strikes at {', '.join(map(repr, points))}, not at {site.point!r}"
        raise ValueError(message)


def _length(params: Params) -> Nanos:
    written = params.get("for", "forever")
    if not isinstance(written, str | int | float):
        message = f"'for' takes a duration such as 45s, or forever, found {written!r}"
        raise ValueError(message)  # noqa: TRY004 - whoever wrote the file has to act, as for every other value
    return parse_duration(written)
