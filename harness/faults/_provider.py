"""The provider family: answers of the provider, a gateway or a proxy in place of the one that was to come.

The wire forms are data, one file a fault, each form with the place that it was taken from. `any` is the form of every
dialect that has none of its own, `as` says that two dialects share one, `native` is what a backend hears.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, cast
from urllib.parse import urlsplit

from harness.dialects import BUILT_IN
from harness.dialects import get as dialect_called
from harness.faults._fault import FaultPhase, no_form
from harness.faults._waits import FORMATS, Wait
from harness.model import Head, Headers, Json, Problem, ProblemKind, Prompt, Reply, Timeline
from harness.spec import Asked, FaultSite, Params

_NATIVE: Final = "native"
_EVERY: Final = frozenset(dialect.name for dialect in BUILT_IN)
_NAMES: Final = (
    "http-400-invalid-request",
    "http-400-context-length",
    "http-400-content-filter",
    "http-401-auth",
    "http-402-billing",
    "http-403-forbidden",
    "http-404-model-not-found",
    "http-408-timeout",
    "http-409-conflict",
    "http-413-too-large",
    "http-429-rate-limit",
    "http-429-no-retry-flag",
    "http-429-quota",
    "http-500-server-error",
    "http-502-html-proxy",
    "http-503-overloaded",
    "http-504-gateway-timeout",
    "http-200-html",
    "http-200-empty-body",
    "http-204-no-content",
    "http-200-error-json",
    "redirect-307",
    "redirect-307-loop",
)
_LASTING: Final = frozenset({"redirect-307-loop"})
_REFUSAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "retry_after": "a duration such as 30s, or none (the default)",
        "format": f"how the wait is said: {', '.join(FORMATS)}; the provider's own way by default",
        "headers": "a mapping of further headers",
        "message": "the text of the error",
        "code": "another code of the provider's for the same error, where it has several",
    }
)
_REDIRECT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "location": "where to go; the place that was asked by default",
        "headers": "a mapping of further headers",
    }
)


class Refusal:
    """The fault called `name`: another answer takes the place of the one that was to come."""

    phase: FaultPhase = "headers"
    points: frozenset[str] = frozenset({"headers"})
    is_benign: bool = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.lasts = name in _LASTING
        self.params: Mapping[str, str] = _REDIRECT if name.startswith("redirect") else _REFUSAL

    @cached_property
    def forms(self) -> dict[str, Any]:
        """The data file. Read at first use, because most runs need none of them."""
        text = files("harness.faults").joinpath("data", f"{self.name}.json").read_text("utf-8")
        return cast("dict[str, Any]", json.loads(text))

    @property
    def about(self) -> str:
        """One line for the catalogue."""
        return f"HTTP {self.forms['status']} {self.forms['reason']}"

    @cached_property
    def dialects(self) -> frozenset[str]:
        """The dialects in which this is known to happen, and our own where a backend can hear of it. None named is all:
        a proxy does not look at what it proxies."""
        if "any" in self.forms:
            return frozenset() if _NATIVE in self.forms else _EVERY - {_NATIVE}
        return frozenset({*self.forms["dialects"], *({_NATIVE} & self.forms.keys())})

    def refuse(self, params: Params) -> None:
        """Raises ValueError where a value is not what this fault takes."""
        Wait.of(params)
        _headers(params)
        for name in ("message", "code", "location"):
            if not isinstance(params.get(name, ""), str):
                message = f"{name!r} takes a text, found {params[name]!r}"
                raise ValueError(message)  # noqa: TRY004 - whoever wrote the file has to act, as for every other value

    def sites(self, timeline: Timeline) -> Iterator[FaultSite]:
        """Where the head of the answer would have come."""
        if timeline.events:
            yield FaultSite("headers")

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        """The other answer, when the head would have come. Raises ValueError at another site and in a dialect without
        it."""
        if site.point != "headers" or not timeline.events:
            message = f"{self.name} takes the place of a head, and {site.point!r} is none"
            raise ValueError(message)
        if self.dialects and asked.dialect not in self.dialects:
            raise no_form(self.name, asked.dialect, self.dialects)
        head, body = self._native(params) if asked.dialect == _NATIVE else self._wire(timeline, params, asked)
        return replace(Timeline.of(head, [body], at=timeline.events[0][0]), connected_at=timeline.connected_at)

    def form(self, dialect: str) -> dict[str, Any]:
        """What it is in `dialect`."""
        found = self.forms["dialects"].get(dialect) or self.forms["any"]
        return self.form(found["as"]) if "as" in found else found

    def _native(self, params: Params) -> tuple[Head, bytes]:
        form = self.forms["native"]
        native = dialect_called(_NATIVE)
        reply = Reply()
        if "kind" in form:
            kind, text = cast("ProblemKind", form["kind"]), str(params.get("message", form["message"]))
            reply = Reply(problem=Problem(kind, text, "", form["status"], Wait.of(params).seconds))
        head, chunks = native.render(reply, Prompt(), [])
        body = b"".join(chunks) or str(form["line"]).encode()
        return replace(head, status=self.forms["status"], reason=self.forms["reason"]), body

    def _wire(self, timeline: Timeline, params: Params, asked: Asked) -> tuple[Head, bytes]:
        form = self.form(asked.dialect)
        wait = Wait.of(params, form["format"])
        headers = dict(form["headers"])
        if headers.get("content-type") == "":  # the one that the answer would have had
            headers["content-type"] = _content_type(timeline)
        if "location" in headers:
            headers["location"] = params.get("location") or _place(asked)
        if "text" not in form:
            headers = {"content-type": "application/json", **headers}
        pairs = (*headers.items(), *wait.headers, *_headers(params))
        status, reason = form.get("status", self.forms["status"]), form.get("reason", self.forms["reason"])
        return Head(int(status), Headers(pairs), reason, wait.dated), _body(self.name, form, params, wait)


def _body(name: str, form: dict[str, Any], params: Params, wait: Wait) -> bytes:
    """The bytes of a form. Raises ValueError for a code where it has only one, and a message where it has no place."""
    for given in ("message", "code"):
        if given in params and f"{given}_at" not in form:
            message = f"{name} has no other {given!r} in this dialect"
            raise ValueError(message)
    if "text" in form:
        return str(form["text"]).encode()
    body = copy.deepcopy(form["body"])
    for given in ("message", "code"):
        if given in params:
            _replace(body, form[f"{given}_at"], params[given])
    if wait.details:
        body["error"]["details"] = [*body["error"].get("details", ()), *wait.details]
    return json.dumps(body, ensure_ascii=False).encode()


def _content_type(timeline: Timeline) -> str:
    known = timeline.head.headers.get("content-type") if timeline.head else ""
    return known or "application/json"


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


def _place(asked: Asked) -> str:
    """The place that was asked, without its host: what a server calls itself need not be what its clients call it."""
    if asked.request is None:
        return "/"
    url = urlsplit(asked.request.url)
    return f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"


def provider_faults() -> tuple[Refusal, ...]:
    """All of this family."""
    return tuple(Refusal(name) for name in _NAMES)
