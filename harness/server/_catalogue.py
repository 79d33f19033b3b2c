"""Catalogue: a source as a server asks it. It also lists the models that its answers are for, and the address at which
something was recorded does not matter.

Clients look there before they ask. The names are those of the recording or scenario, so nothing is made up; a list that
the source itself holds an answer for comes from the source, and where it names no model the question is a miss.
A scenario that says when its model is `available` says it here: 503 where it is not.

Whoever asks a server has no choice but to ask it at its own address. Chat requests match by what they ask anyway; for
the others (lists, embeddings, token counts) the same path is taken for the same address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from harness.model import Head, Headers, Interaction, Json, Request, Timeline
from harness.server._incoming import ORIGIN
from harness.server._refusal import refusal, speaks
from harness.spec import Found, Mismatch, Source

_LIST: Final = re.compile(r"(?:^|/)(?:v\d\w*/)?(?:openai/)?models(?:/(?P<name>[^?]+))?/?$|/api/(?P<tags>tags)/?$")


class Catalogue:
    """`source`, and `models`: asked once, when a list is. `available` are health answers in order; the last stays."""

    def __init__(self, source: Source, models: Callable[[], Iterable[str]], available: Sequence[bool] = ()) -> None:
        self.name = source.name
        self.source = source
        self._models = models
        self._available = list(available)
        self._tells_health = not all(available)
        self._known: tuple[str, ...] | None = None
        self._addresses: dict[tuple[str, str], str] | None = None

    def __getattr__(self, name: str) -> Any:
        """What else the source has, such as `follow`."""
        return getattr(self.source, name)

    def unplayed(self) -> Sequence[str]:
        """Those of the source: nobody has to ask for a list."""
        return self.source.unplayed()

    def find(self, request: Request) -> Found | Mismatch:
        """The answer of the source, else a list of models."""
        found = self.source.find(self._addressed(request))
        if isinstance(found, Found) or request.method not in {"GET", "HEAD"}:
            return found
        return self._listed(request) or found

    def _addressed(self, request: Request) -> Request:
        if self._addresses is None:
            self._addresses = dict(getattr(self.source, "addresses", {}))
        if not self._addresses:
            return request
        url = self._addresses.get((request.method, request.url.removeprefix(ORIGIN)))
        return request if url is None else replace(request, url=url)

    def _is_available(self) -> bool:
        return self._available.pop(0) if len(self._available) > 1 else self._available[0]

    def _listed(self, request: Request) -> Found | None:
        asked = _LIST.search(request.url.partition("?")[0])
        if asked is None:
            return None
        if self._known is None:
            self._known = tuple(dict.fromkeys(name for name in self._models() if name))
        wire = "ollama" if asked["tags"] else _wire(request)
        one = unquote(asked["name"]) if asked["name"] else ""
        if self._tells_health and not self._is_available():
            return Found(Interaction(request, refusal(request, 503, "the model is not available"), "models"), "models")
        if (not self._known and not self._tells_health) or (one and one not in self._known):
            return None
        body = _ONE[wire](one) if one else _LISTS[wire]([_ONE[wire](name) for name in self._known])
        data = json.dumps(body, ensure_ascii=False).encode()
        head = Head(200, Headers((("content-type", "application/json"), ("content-length", str(len(data))))), "OK")
        return Found(Interaction(request, Timeline.of(head, [data]), "models"), "models")


def _wire(request: Request) -> str:
    name = speaks(request).name
    return name if name in _ONE else "openai-chat"


Object = dict[str, Json]
# What the clients' own types demand, and no more: sizes, dates and owners are known to nobody here.
_ONE: Final[dict[str, Callable[[str], Object]]] = {
    "openai-chat": lambda name: {"id": name, "object": "model", "created": 0, "owned_by": "harness"},
    "anthropic": lambda name: {
        "type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z",
    },
    "gemini": lambda name: {
        "name": f"models/{name}", "displayName": name,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    },
    "ollama": lambda name: {"name": name, "model": name},
    "cohere": lambda name: {"name": name, "endpoints": ["chat"]},
}  # fmt: skip
_LISTS: Final[dict[str, Callable[[list[Object]], Object]]] = {
    "openai-chat": lambda found: {"object": "list", "data": list(found)},
    "anthropic": lambda found: {
        "data": list(found), "has_more": False,
        "first_id": found[0]["id"] if found else None, "last_id": found[-1]["id"] if found else None,
    },
    "gemini": lambda found: {"models": list(found)},
    "ollama": lambda found: {"models": list(found)},
    "cohere": lambda found: {"models": list(found)},
}  # fmt: skip
