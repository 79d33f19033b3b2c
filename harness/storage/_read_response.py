"""An answer as any of the known recorders writes it: status, headers, and the decoded bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from harness.model import Head, Headers
from harness.storage._coding import NoLibraryError, decoded
from harness.storage._read_request import read_body, read_headers, read_parsed, read_structured
from harness.storage._trouble import Unreadable, did_you_mean
from harness.storage._values import Mapping, Value, mapping, text, whole

RESPONSE_KEYS: Final = ("status", "headers", "timeline", "body")
RESPONSE_KEYS_ELSEWHERE: Final = (
    "protocol", "url", "parsed_body", "status_code", "content", "http_version", "reason_phrase", "code",
)  # fmt: skip
_CUT: Final = "The file may have been cut short; restore or record it again."
_STATUS_MIN, _STATUS_MAX = 100, 599


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, less the times. `body` is decoded; `notes` are for whoever opens the file."""

    head: Head
    body: bytes
    notes: tuple[str, ...] = ()


def read_response(value: Value) -> Answer:
    """The answer in `value`. Raises Unreadable where it has no status or no body."""
    found = mapping(value, "response")
    status, reason = _status(found)
    headers = read_headers(found.get("headers"), "response.headers")
    body, headers, notes = _decoded(_body(found), headers)
    return Answer(Head(status, headers, reason), body, tuple(notes))


def _status(found: Mapping) -> tuple[int, str]:
    value = found.get("status", found.get("status_code"))
    if isinstance(value, dict):
        code, reason = value.get("code"), value.get("message")
    elif found.get("code") is not None:  # go-vcr says `status: 200 OK` and `code: 200`
        code, reason = found["code"], str(value or "").partition(" ")[2]
    else:
        code, reason = value, found.get("reason_phrase")
    if code is None:
        raise _missing(found, "status")
    status = whole(code, "response.status")
    if not _STATUS_MIN <= status <= _STATUS_MAX:
        message = f"{status} is no HTTP status"
        raise Unreadable(message, "response.status")
    return status, "" if reason is None else text(reason, "response.status.message")


def _body(found: Mapping) -> bytes:
    if found.get("parsed_body") is not None:
        return read_parsed(found)
    body = found.get("body", found.get("content"))
    if isinstance(body, dict):
        known = read_structured(body, "response.body")
        if known is not None:
            return known
        if "string" not in body:
            message = "the body has no `string`"
            hint = next((hint for key in body if (hint := did_you_mean(key, ["string"]))), "")
            raise Unreadable(message, "response.body", hint.strip() or _CUT)
        return read_body(body["string"], "response.body.string")
    if body is None and "body" not in found and "content" not in found:
        raise _missing(found, "body")
    return read_body(body, "response.body")


def _missing(found: Mapping, name: str) -> Unreadable:
    hint = next((hint for key in found if (hint := did_you_mean(key, [name]))), "")
    return Unreadable(f"the response has no `{name}`", "response", hint.strip() or _CUT)


def _decoded(body: bytes, headers: Headers) -> tuple[bytes, Headers, list[str]]:
    """`body` without its content-encodings, the headers that go with it, and what could not be done."""
    codings = _codings(headers.get_all("content-encoding"))
    if not codings:
        return body, headers, []
    plain = body
    try:
        for coding in reversed(codings):
            plain = decoded(plain, coding)
    except NoLibraryError as error:
        return body, headers, [f"the body is left compressed ({', '.join(codings)}): {error}"]
    except ValueError as error:
        message = f"the body is marked {', '.join(codings)} and cannot be decoded: {error}"
        raise Unreadable(message, "response.body", _CUT) from error
    return plain, _relabelled(headers, len(plain)), []


def _codings(values: Iterable[str]) -> list[str]:
    return [word.strip().lower() for value in values for word in value.split(",") if word.strip()]


def _relabelled(headers: Headers, length: int) -> Headers:
    kept = headers.without(["content-encoding"])
    return Headers(tuple((k, str(length) if k.lower() == "content-length" else v) for k, v in kept))
