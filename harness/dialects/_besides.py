"""What else providers are asked: lists of models, counts of tokens, embeddings. None of it generates a text, so no
dialect reads it as a conversation; a server routes by it, and answers what a scenario gives as JSON.

The paths are those that the official clients call; `tests/against` asks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.model import Request
from harness.spec import Operation

_SENDERS: Final = (
    ("anthropic-version", "anthropic"),
    ("x-goog-api-key", "gemini"),
    ("x-goog-api-client", "gemini"),
    ("x-fern-sdk-name", "cohere"),
)
"""Headers by which a client says whose it is: three providers have a `/v1/models`."""
_GETS: Final = (
    ("ollama", re.compile(r"/api/(?P<name>tags|version|ps)/?$")),
    ("gemini", re.compile(r"/v\d(?:alpha|beta)\d?/(?P<name>models)(?:/(?P<model>[^/:]+))?/?$")),
    ("openai", re.compile(r"/(?P<name>models)(?:/(?P<model>.+?))?/?$")),
)
_POSTS: Final = (
    ("anthropic", re.compile(r"/v1/messages/(?P<name>count_tokens)/?$")),
    ("ollama", re.compile(r"/api/(?P<name>show|embed|embeddings)/?$")),
    ("gemini", re.compile(r"/models/(?P<model>[^/:]+):(?P<name>countTokens|embedContent|batchEmbedContents)$")),
    ("bedrock", re.compile(r"/model/(?P<model>[^/]+)/(?P<name>count-tokens)/?$")),
    ("cohere", re.compile(r"/v[12]/(?P<name>embed|rerank|tokenize|detokenize|classify)/?$")),
    ("openai", re.compile(r"/(?:deployments/(?P<model>[^/]+)/)?(?P<name>embeddings|moderations)/?$")),
    ("openai", re.compile(r"/responses/(?P<name>input_tokens)/?$")),
)
_DIALECTS: Final = {"openai": "openai-chat", "bedrock": "bedrock-converse"}
"""Where a provider has several: the one whose error envelope its clients read."""


def besides(request: Request) -> Operation | None:
    """What `request` asks that is no generation: `openai.models`, `anthropic.count_tokens`, `gemini.embedContent`, ...

    `dialect` is the one whose errors the sender reads. None where it is none of these; `recognise` tells generations.
    """
    return next(_found(request), None)


def _found(request: Request) -> Iterator[Operation]:
    try:
        path = urlsplit(request.url).path
    except ValueError:  # brackets that enclose no address: a cassette can say anything
        return
    kinds = {"GET": _GETS, "HEAD": _GETS, "POST": _POSTS}.get(request.method.upper(), ())
    for provider, pattern in kinds:
        found = pattern.search(path)
        if found:
            named = found.groupdict()
            whose = _sender(request) if named["name"] == "models" and provider == "openai" else None
            whose = whose or provider
            model = unquote(named.get("model") or "")
            yield Operation(_DIALECTS.get(whose, whose), f"{whose}.{named['name']}", model)


def _sender(request: Request) -> str | None:
    return next((whose for header, whose in _SENDERS if header in request.headers), None)
