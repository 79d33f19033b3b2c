"""Which dialect is this? The table of those built in, and what can be asked without knowing which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from urllib.parse import urlsplit

from harness.dialects._anthropic import Anthropic
from harness.dialects._bedrock import BedrockConverse
from harness.dialects._bedrock_invoke import BedrockInvoke
from harness.dialects._coding import Inflating, is_coded
from harness.dialects._cohere import Cohere
from harness.dialects._framing import split_ndjson, split_sse
from harness.dialects._gemini import Gemini
from harness.dialects._native import Native
from harness.dialects._ollama import Ollama
from harness.dialects._openai_chat import OpenAIChat
from harness.dialects._openai_completions import OpenAICompletions
from harness.dialects._openai_responses import OpenAIResponses
from harness.dialects._shapes import name_by_shape
from harness.dialects._sniffing import stream_shape
from harness.errors import DialectError, UnknownDialectError
from harness.model import Chunk, Delta, Head, Meaning, Nanos, Problem, Prompt, Reply, Request, Timeline
from harness.spec import Decoder, Dialect, Operation

BUILT_IN: tuple[Dialect, ...] = (
    Native(),
    OpenAIChat(),
    OpenAICompletions(),
    OpenAIResponses(),
    Anthropic(),
    Gemini(),
    Ollama(),
    BedrockConverse(),
    BedrockInvoke(),
    Cohere(),
)


OLDER: Mapping[str, str] = MappingProxyType(
    {
        "anthropic.complete": "/v1/messages",
        "cohere.chat": "/v2/chat",
        "cohere.generate": "/v2/chat",
    }
)
"""Operations that are read and not written, because a reply is rendered in the form of the newer one that is named."""


def get(name: str) -> Dialect:
    """The dialect called `name`. Raises UnknownDialectError that lists all, and the nearest."""
    names = [dialect.name for dialect in BUILT_IN]
    if name in names:
        return BUILT_IN[names.index(name)]
    near = get_close_matches(name.lower().replace("_", "-"), names, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    message = f"no dialect is called {name!r}.{hint} There are: {', '.join(names)}"
    raise UnknownDialectError(message)


def recognise(request: Request) -> tuple[Dialect, Operation] | None:
    """The dialect of `request` and what it asks: by its URL, and where that says nothing (a gateway, a redacted
    recording) by the shape of its JSON body. None where both say nothing, and where the URL is none."""
    try:
        urlsplit(request.url)
    except ValueError:  # brackets that enclose no address: a cassette can say anything
        return None
    for dialect in BUILT_IN:
        operation = dialect.operation(request)
        if operation:
            return dialect, operation
    shaped = name_by_shape(request)
    return (get(shaped.dialect), shaped) if shaped else None


def prompt_of(request: Request) -> Prompt | None:
    """What was asked; None where no dialect recognises it, or its body is not what that dialect says."""
    known = recognise(request)
    if known is None:
        return None
    try:
        return known[0].prompt(request)
    except DialectError:  # a view that cannot be had: the bytes still match as bytes, and `Dialect.prompt` says why
        return None


def decoder(request: Request, head: Head) -> Decoder | None:
    """A fresh decoder for the answer to `request` that begins with `head`; None where no dialect recognises it."""
    known = recognise(request)
    if known is None:
        return None
    plain = known[0].decoder(request, head)
    return Inflating(plain) if is_coded(head) else plain


def deltas(request: Request, timeline: Timeline) -> list[tuple[Nanos, Delta]]:
    """What the answer said, each piece with the time of the chunk that completed it.

    Empty where no dialect recognises `request`, and where there was no answer. An answer that broke off is not
    malformed: its timeline says how it ended.
    """
    reader = decoder(request, timeline.head) if timeline.head else None
    if reader is None:
        return []
    said = [
        (at, delta) for at, event in timeline.events if isinstance(event, Chunk) for delta in reader.feed(event.data)
    ]
    rest = [(timeline.end_at, delta) for delta in reader.close()]
    return said + [told for told in rest if timeline.end == "eof" or not _malformed(told[1])]


def decode(request: Request, timeline: Timeline) -> Reply | None:
    """The answer, decoded; empty where none came, None where no dialect recognises `request`."""
    if recognise(request) is None:
        return None
    return Reply.of(delta for _, delta in deltas(request, timeline))


def frames(request: Request, head: Head, body: bytes) -> tuple[bytes, ...]:
    """`body` cut where its sender cut it. Joined, the frames are `body`.

    Where no dialect recognises `request`: SSE events or lines where the content type promises these, else all in one.
    """
    known = recognise(request)
    if known:
        return known[0].frames(head, body)
    match stream_shape(head):
        case "sse":
            return split_sse(body)
        case "lines":
            return split_ndjson(body)
        case _:
            return (body,) if body else ()


def _malformed(delta: Delta) -> bool:
    return isinstance(delta, Problem) and delta.kind == "malformed"


MEANING = Meaning(prompt=prompt_of, reply=decode)
"""How an Interaction reads itself."""
