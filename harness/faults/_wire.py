"""The wire family: silence and broken connections. They look the same in every dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from harness.model import NEVER, Nanos, Reset, Timeline, parse_duration
from harness.spec import FaultSite, Params

_EVERYWHERE: Final[frozenset[str]] = frozenset()


class StallBeforeHeaders:
    """Nothing comes for a while, then the answer as it was; or nothing ever.

    An Ollama that loads its model looks exactly like this.
    """

    name: str = "stall-before-headers"
    params: Mapping[str, str] = MappingProxyType({"for": "a duration such as 45s, or forever (the default)"})
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


class ResetMidStream:
    """The peer resets the connection after a chunk."""

    name: str = "reset-mid-stream"
    params: Mapping[str, str] = MappingProxyType({})
    points: frozenset[str] = frozenset({"chunk", "token", "byte"})
    dialects: frozenset[str] = _EVERYWHERE

    def refuse(self, params: Params) -> None:
        """There is nothing to refuse."""

    def sites(self, timeline: Timeline) -> Iterator[FaultSite]:
        """After each chunk."""
        return (FaultSite("chunk", number) for number in range(1, len(timeline.chunks) + 1))

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, dialect: str) -> Timeline:
        """The chunks up to that of `site`, then the error that httpcore raises. Raises ValueError at another site."""
        del params, dialect
        _only(self.name, site, "chunk")
        if site.chunk is None or not 1 <= site.chunk <= len(timeline.chunks):
            message = (
                f"{self.name} cannot strike after chunk {site.chunk} of an answer of {len(timeline.chunks)} chunks"
            )
            raise ValueError(message)
        return timeline.cut(site.chunk).then(Reset("ReadError", "[Errno 104] Connection reset by peer"))


def _only(name: str, site: FaultSite, point: str) -> None:
    if site.point != point:
        message = f"{name} strikes at {point!r}, not at {site.point!r}"
        raise ValueError(message)


def _length(params: Params) -> Nanos:
    written = params.get("for", "forever")
    if not isinstance(written, str | int | float):
        message = f"'for' takes a duration such as 45s, or forever, found {written!r}"
        raise ValueError(message)  # noqa: TRY004 - whoever wrote the file has to act, as for every other value
    return parse_duration(written)
