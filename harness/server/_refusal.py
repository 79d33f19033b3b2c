"""Refusals of the server's own, in the error envelope of whoever asks: an SDK shows its user the message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from harness.dialects import BUILT_IN, besides, get, recognise
from harness.errors import DialectError
from harness.model import Head, Headers, Problem, ProblemKind, Prompt, Reply, Request, Timeline
from harness.spec import Dialect

_KINDS: Final[dict[int, ProblemKind]] = {401: "auth", 404: "not-found", 500: "server-error", 503: "overloaded"}
# For paths that nobody knows, under roots that providers have.
_BY_PATH: Final = (
    (re.compile(r"/v1/messages"), "anthropic"),
    (re.compile(r"/v1(?:beta|alpha)\d?/|:[a-z]+[A-Z]\w+$"), "gemini"),
    (re.compile(r"/api/"), "ollama"),
    (re.compile(r"/model/"), "bedrock-converse"),
    (re.compile(r"/v2/"), "cohere"),
)
_BY_HEADER: Final = (("anthropic-version", "anthropic"), ("x-goog-api-key", "gemini"), ("x-goog-api-client", "gemini"))
# Neither retried by openai and anthropic, whatever the status; nobody else has such a header.
_FINAL: Final = (("x-should-retry", "false"),)


def refusal(request: Request, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Timeline:
    """An answer that says `message` and is not worth retrying."""
    problem = Problem(_KINDS.get(status, "invalid-request"), message, status=status)
    try:
        head, chunks = speaks(request).render(Reply(problem=problem), Prompt(), ())
    except DialectError:  # no form for it: OpenAI's envelope is what most people can read
        head, chunks = get("openai-chat").render(Reply(problem=problem), Prompt(), ())
    kept = head.headers.without(["content-length"])
    length = ("content-length", str(sum(map(len, chunks))))
    return Timeline.of(Head(status, Headers((*kept, length, *_FINAL, *headers))), chunks)


def speaks(request: Request) -> Dialect:
    """The dialect that the sender of `request` most probably speaks."""
    by_url = (dialect for dialect in BUILT_IN if dialect.operation(request))
    return next(by_url, None) or get(next(_guesses(request)))


def _guesses(request: Request) -> Iterator[str]:
    """Names of dialects, the best guess first."""
    known = besides(request)
    if known:
        yield known.dialect
    yield from (name for header, name in _BY_HEADER if header in request.headers)
    path = request.url.partition("?")[0]
    yield from (name for pattern, name in _BY_PATH if pattern.search(path))
    shaped = recognise(request)
    yield shaped[0].name if shaped else "openai-chat"


def plain(status: int, body: object, headers: tuple[tuple[str, str], ...] = ()) -> Timeline:
    """An answer of the server's own: a text, or anything that JSON has a form for."""
    is_text = isinstance(body, str)
    data = str(body).encode() if is_text else json.dumps(body, ensure_ascii=False, indent=1).encode()
    kind = "text/plain; charset=utf-8" if is_text else "application/json"
    fields = (("content-type", kind), ("content-length", str(len(data)))) if status != 204 else ()
    return Timeline.of(Head(status, Headers((*fields, *headers))), [data] if status != 204 else [])
