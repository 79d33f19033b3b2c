"""Which header fields are written: those that say something about the answer, not about the day.

What a proxy, a clock or an SDK's version number puts there makes a recording that is made again differ for no reason.
What describes the bytes on the wire (`content-encoding`, `transfer-encoding`, a length that is no longer right) would
be a lie beside a decoded body.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.model import Headers

_RESPONSE: Final = frozenset({
    "age", "alt-svc", "apim-request-id", "cf-cache-status", "cf-ray", "connection", "content-encoding", "date", "etag",
    "keep-alive", "nel", "openai-organization", "openai-processing-ms", "openai-project", "report-to", "request-id",
    "server-timing", "set-cookie", "transfer-encoding", "via", "x-amzn-requestid", "x-amzn-trace-id",
    "x-cloud-trace-context", "x-ms-request-id", "x-openai-proxy-wasm", "x-request-id", "x-runtime", "x-trace-id",
})  # fmt: skip
_RESPONSE_STARTS: Final = ("x-envoy-", "cf-aig-")
_RATE_STARTS: Final = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit")
_REQUEST: Final = frozenset({
    "accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "baggage", "connection", "content-length", "host",
    "idempotency-key", "sentry-trace", "traceparent", "tracestate", "user-agent", "x-amz-date",
    "x-amzn-trace-id", "x-client-request-id", "x-goog-api-client", "x-request-id",
})  # fmt: skip
_REQUEST_STARTS: Final = ("x-stainless-",)
_ERROR_STATUS: Final = 400


def request_headers(headers: Headers) -> Headers:
    """The fields of a request that are written. `transfer-encoding` is one: vcrpy's body matcher looks at it."""
    return _grouped(pair for pair in headers if not _volatile(pair[0], _REQUEST, _REQUEST_STARTS))


def response_headers(headers: Headers, status: int, stored: bytes) -> Headers:
    """The fields of an answer that are written, for a body that stands in the file as `stored`.

    Rate limits count down with every call and are dropped, save from an error: there a retry policy reads them.
    A `content-length` stays where it is right: vcrpy hands it to clients that insist (urllib3 raises IncompleteRead).
    """
    starts = _RESPONSE_STARTS if status >= _ERROR_STATUS else (*_RESPONSE_STARTS, *_RATE_STARTS)
    wrong = {"content-length": str(len(stored))}
    kept = (pair for pair in headers if not _volatile(pair[0], _RESPONSE, starts))
    return _grouped(pair for pair in kept if pair[1].strip() == wrong.get(pair[0].lower(), pair[1].strip()))


def _volatile(name: str, names: frozenset[str], starts: tuple[str, ...]) -> bool:
    low = name.lower()
    return low in names or low.startswith(starts)


def _grouped(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Fields of one name side by side under the name that came first: the file has one list of values for each."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, value in pairs:
        group = groups.setdefault(name.lower(), [])
        group.append((group[0][0] if group else name, value))
    return Headers(tuple(pair for group in groups.values() for pair in group))
