"""The advice to come back later, in each of the ways in which servers say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.faults._params import length_of
from harness.model import NEVER, Json, Nanos, as_seconds
from harness.spec import Params

FORMATS: Final = ("seconds", "ms", "http-date", "body")
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"


@dataclass(frozen=True, slots=True)
class Wait:
    """The advice to come back later: None is no advice."""

    length: Nanos | None
    format: str

    @classmethod
    def of(cls, params: Params, usual: str = "seconds") -> Wait:
        """What `params` say. Raises ValueError for what is no wait and for a format that nobody sends."""
        written, how = params.get("retry_after", "none"), params.get("format", usual)
        if how not in FORMATS:
            message = f"'format' takes one of {', '.join(FORMATS)}, found {how!r}"
            raise ValueError(message)
        length = length_of("retry_after", written)
        if length >= NEVER:
            message = "'retry_after' takes a duration or none: no server says forever"
            raise ValueError(message)
        return cls(None if written == "none" else length, str(how))

    @property
    def seconds(self) -> float | None:
        """The wait as a number of seconds."""
        return None if self.length is None else as_seconds(self.length)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header that says it, where a header does and needs no date for it."""
        if self.seconds is None:
            return ()
        said = {
            "seconds": ("retry-after", f"{self.seconds:.9g}"),
            "ms": ("retry-after-ms", f"{self.seconds * 1000:.9g}"),
        }
        return (said[self.format],) if self.format in said else ()

    @property
    def dated(self) -> tuple[tuple[str, Nanos], ...]:
        """The header that says it as a date, which whoever knows the time writes."""
        return (("retry-after", self.length),) if self.length is not None and self.format == "http-date" else ()

    @property
    def details(self) -> list[Json]:
        """What Google puts into the body."""
        if self.seconds is None or self.format != "body":
            return []
        return [{"@type": _RETRY_INFO, "retryDelay": f"{self.seconds:.9g}s"}]
