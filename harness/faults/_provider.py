"""The provider family: refusals with a status and a body of the provider's own.

The wire forms are data, one file a fault, each form with the place that it was taken from.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, cast

from harness.dialects import get as dialect_called
from harness.model import (
    NEVER,
    Head,
    Headers,
    Json,
    Nanos,
    Problem,
    ProblemKind,
    Prompt,
    Reply,
    Timeline,
    as_seconds,
    parse_duration,
)
from harness.spec import FaultSite, Params

_NAMES: Final = (
    "http-400-invalid-request",
    "http-400-context-length",
    "http-401-auth",
    "http-404-model-not-found",
    "http-429-rate-limit",
    "http-429-quota",
    "http-500-server-error",
    "http-503-overloaded",
)
_FORMATS: Final = ("seconds", "ms", "body")
_NATIVE: Final = "native"
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"


_PARAMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "retry_after": "a duration such as 30s, or none (the default)",
        "format": f"how the wait is said: {', '.join(_FORMATS)}; the provider's own way by default",
        "headers": "a mapping of further headers",
        "message": "the text of the error",
    }
)


class Refusal:
    """The fault called `name`: the provider answers with an error instead of the answer."""

    params: Mapping[str, str] = _PARAMS
    points: frozenset[str] = frozenset({"headers"})

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def forms(self) -> dict[str, Any]:
        """The data file. Read at first use, because most runs need none of them."""
        text = files("harness.faults").joinpath("data", f"{self.name}.json").read_text("utf-8")
        return cast("dict[str, Any]", json.loads(text))

    @cached_property
    def dialects(self) -> frozenset[str]:
        """The dialects in which this is known to happen, and our own."""
        return frozenset({*self.forms["dialects"], _NATIVE})

    def refuse(self, params: Params) -> None:
        """Raises ValueError where a value is not what this fault takes."""
        _Wait.of(params)
        _headers(params)
        if not isinstance(params.get("message", ""), str):
            message = f"'message' takes a text, found {params['message']!r}"
            raise ValueError(message)  # noqa: TRY004 - whoever wrote the file has to act, as for every other value

    def sites(self, timeline: Timeline) -> Iterator[FaultSite]:
        """Where the head of the answer would have come."""
        if timeline.events:
            yield FaultSite("headers")

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, dialect: str) -> Timeline:
        """The refusal, when the head would have come. Raises ValueError at another site and in a dialect without it."""
        if site.point != "headers" or not timeline.events:
            message = f"{self.name} takes the place of a head, and {site.point!r} is none"
            raise ValueError(message)
        head, body = self._native(params) if dialect == _NATIVE else self._wire(params, dialect)
        return Timeline.of(head, [body], at=timeline.events[0][0])

    def _native(self, params: Params) -> tuple[Head, bytes]:
        form = self.forms["native"]
        kind = cast("ProblemKind", form["kind"])
        status = int(form["status"])
        problem = Problem(kind, str(params.get("message", form["message"])), "", status, _Wait.of(params).seconds)
        native = dialect_called(_NATIVE)
        head, chunks = native.render(Reply(problem=problem), Prompt(), [])
        return replace(head, status=status, reason=self.forms["reason"]), b"".join(chunks)

    def _wire(self, params: Params, dialect: str) -> tuple[Head, bytes]:
        form = self.forms["dialects"].get(dialect)
        if form is None:
            message = f"{self.name} has no form in {dialect}; it has one in: {', '.join(sorted(self.dialects))}"
            raise ValueError(message)
        body = copy.deepcopy(form["body"])
        if "message" in params:
            _replace(body, form["message_at"], params["message"])
        wait = _Wait.of(params, form["format"])
        if wait.format == "body" and wait.text:
            advice = {"@type": _RETRY_INFO, "retryDelay": wait.text}
            body["error"]["details"] = [*body["error"].get("details", ()), advice]
        pairs = (("content-type", "application/json"), *form["headers"].items(), *wait.headers, *_headers(params))
        status = int(form.get("status", self.forms["status"]))
        head = Head(status, Headers(pairs), form.get("reason", self.forms["reason"]))
        return head, json.dumps(body, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class _Wait:
    """The advice to come back later: None is no advice."""

    length: Nanos | None
    format: str

    @classmethod
    def of(cls, params: Params, usual: str = "seconds") -> _Wait:
        """What `params` say. Raises ValueError for what is no wait and for a format that nobody sends."""
        written, how = params.get("retry_after", "none"), params.get("format", usual)
        if how == "http-date":
            message = "format http-date is not supported yet: a date needs the clock of the caller; use seconds"
            raise ValueError(message)
        if how not in _FORMATS:
            message = f"'format' takes one of {', '.join(_FORMATS)}, found {how!r}"
            raise ValueError(message)
        if not isinstance(written, str | int | float):
            message = f"'retry_after' takes a duration such as 30s, or none, found {written!r}"
            raise ValueError(message)  # noqa: TRY004 - whoever wrote the file has to act, as for every other value
        length = parse_duration(written)
        if length >= NEVER:
            message = "'retry_after' takes a duration or none: no server says forever"
            raise ValueError(message)
        return cls(None if written == "none" else length, str(how))

    @property
    def seconds(self) -> float | None:
        """The wait as a number of seconds."""
        return None if self.length is None else as_seconds(self.length)

    @property
    def text(self) -> str:
        """The wait as Google writes it."""
        return "" if self.seconds is None else f"{self.seconds:.9g}s"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header that says it, where a header does."""
        if self.seconds is None or self.format == "body":
            return ()
        if self.format == "ms":
            return (("retry-after-ms", f"{self.seconds * 1000:.9g}"),)
        return (("retry-after", f"{self.seconds:.9g}"),)


def _headers(params: Params) -> tuple[tuple[str, str], ...]:
    written = params.get("headers", {})
    if not isinstance(written, dict) or not all(isinstance(value, str | int) for value in written.values()):
        message = f"'headers' takes a mapping of names to texts, found {written!r}"
        raise ValueError(message)
    return tuple((name, str(value)) for name, value in written.items())


def _replace(body: dict[str, Json], path: list[str], value: Json) -> None:
    """Put `value` at `path` in `body`, in place: it is a copy of ours."""
    *way, last = path
    inner: Any = body
    for step in way:
        inner = inner[step]
    inner[last] = value


def provider_faults() -> tuple[Refusal, ...]:
    """All of this family."""
    return tuple(Refusal(name) for name in _NAMES)
