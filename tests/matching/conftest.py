"""Requests as the tests of this folder write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.model import Head, Headers, Interaction, Request, Timeline

Ask = Callable[..., Request]


@pytest.fixture
def ask() -> Ask:
    """A chat request: `ask("hello", temperature=0.2)`; `url`, `headers` and `raw` stand in where given."""

    def make(content: str = "hello", *, url: str = "", headers: Any = (), raw: bytes = b"", **fields: Any) -> Request:
        body = {"model": "m", "messages": [{"role": "user", "content": content}], **fields}
        where = url or "https://api.openai.com/v1/chat/completions"
        return Request("POST", where, Headers.of(headers), raw or json.dumps(body).encode())

    return make


@pytest.fixture
def recorded() -> Callable[[Request, str], Interaction]:
    """An interaction that answers `request` with nothing of interest."""
    return lambda request, name: Interaction(request, Timeline.of(Head(200), [b"{}"]), name)
