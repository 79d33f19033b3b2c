"""A Cassette becomes a document: the keys in the order in which a reader wants them, `version: 1` as the last line."""

from __future__ import annotations

from harness.errors import CassetteWriteError
from harness.model import Cassette, Chunk, Head, Headers, Interaction, Request, Reset, TimedOut, Timeline
from harness.storage._stored import Laid, as_stored, laid_request, laid_response
from harness.storage._timing import Timing, rounded, write_error, write_timing
from harness.storage._values import Mapping, Value
from harness.storage._yaml_write import OneLine, write_yaml


def dump(cassette: Cassette) -> bytes:
    """The file that holds `cassette`: vcrpy version 1 YAML in UTF-8, with the times in `response.timeline`.

    Volatile headers are left out and times are whole milliseconds. Nothing is redacted here: that is the recorder's.
    Raises CassetteWriteError where a header or URL is no text (half of a surrogate pair).
    """
    kept = as_stored(cassette)
    answered: list[Value] = []
    unanswered: list[Value] = []
    for position, one in enumerate(kept.interactions, 1):
        if one.timeline.head is None:
            unanswered.append(_unanswered(position, one))
        else:
            answered.append(_answered(one, one.timeline.head))
    document: Mapping = {"interactions": answered}
    if unanswered:
        document["unanswered"] = unanswered
    try:
        return write_yaml({**document, "version": 1})
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.end]
        message = f"{cassette.name or 'the cassette'}: {bad!r} in a header or URL is no text and cannot be written."
        raise CassetteWriteError(message) from error


def _answered(one: Interaction, head: Head) -> Mapping:
    asked = laid_request(one.request)
    body = laid_response(head, one.timeline.body)
    return {
        "request": _request(one.request, asked),
        "response": {
            "status": {"code": head.status, "message": head.reason},
            "headers": _headers(head.headers),
            "timeline": OneLine(write_timing(_timing(one.timeline, body.layout, asked.layout))),
            "body": {"string": body.text},
        },
    }


def _unanswered(position: int, one: Interaction) -> Mapping:
    asked = laid_request(one.request)
    found: Mapping = {"position": position, "request": _request(one.request, asked), "at": rounded(one.timeline.end_at)}
    if asked.layout:
        found["request_layout"] = asked.layout
    if one.timeline.left is not None:
        found["end"] = one.timeline.left
    else:
        found["error"] = _error(one.timeline)
    return found


def _request(request: Request, body: Laid) -> Mapping:
    return {
        "method": request.method,
        "uri": request.url,
        "headers": _headers(request.headers),
        "body": body.text,
    }


def _headers(headers: Headers) -> Mapping:
    fields: dict[str, list[Value]] = {}
    for name, value in headers:
        fields.setdefault(name, []).append(value)
    return dict(fields)


def _timing(timeline: Timeline, layout: str, request_layout: str) -> Timing:
    at_of_head = timeline.events[0][0]
    return Timing(
        headers_at=rounded(at_of_head),
        spans=tuple((rounded(at), len(event.data)) for at, event in timeline.events if isinstance(event, Chunk)),
        end=timeline.end,
        end_at=rounded(timeline.end_at),
        error=_error(timeline),
        layout=layout,
        request_layout=request_layout,
    )


def _error(timeline: Timeline) -> str:
    last = timeline.events[-1][1] if timeline.events else None
    return write_error(last) if isinstance(last, Reset | TimedOut) else ""
