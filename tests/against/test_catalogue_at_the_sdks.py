"""What official clients make of the catalogue, in this process: a sample of the table that was measured on sockets.

A cell is an exception or the text that was heard; None is the whole text, NotImplemented that there is no such form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anthropic
import httpx
import httpx2
import ollama
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors

import harness
from harness import faults
from harness.model import Interaction, Request
from harness.spec import Found
from tests.faults.answers import TEXT, spoken

ASK: Final = [{"role": "user", "content": "x"}]
OPENAI: Final = openai.OpenAI(api_key="x", base_url="https://api.openai.com/v1")
ANTHROPIC: Final = anthropic.Anthropic(api_key="x", base_url="https://api.anthropic.com")
GEMINI: Final = genai.Client(api_key="x")
OLLAMA: Final = ollama.Client(host="http://localhost:11434")


@dataclass(slots=True)
class Always:
    """A source that has one answer, again and again."""

    answer: Interaction
    name: str = "always"

    def find(self, request: Request) -> Found:
        return Found(Interaction(request, self.answer.timeline, "a"))

    def unplayed(self) -> list[str]:
        return ["a"]


@dataclass(slots=True)
class Heard:
    text: str = ""
    stopped: Any = field(default=None)


def openai_chat(heard: Heard) -> None:
    for chunk in OPENAI.chat.completions.create(model="m", messages=ASK, stream=True):
        for choice in chunk.choices or ():
            heard.text += choice.delta.content or ""
            heard.stopped = choice.finish_reason or heard.stopped


def anthropic_messages(heard: Heard) -> None:
    for event in ANTHROPIC.messages.create(model="m", max_tokens=9, messages=ASK, stream=True):
        if event.type == "content_block_delta":
            heard.text += getattr(event.delta, "text", "")
        if event.type == "message_delta":
            heard.stopped = event.delta.stop_reason


def gemini(heard: Heard) -> None:
    for chunk in GEMINI.models.generate_content_stream(model="gemini-x", contents="x"):
        heard.text += chunk.text or ""
        heard.stopped = (chunk.candidates and chunk.candidates[0].finish_reason) or heard.stopped


def ollama_chat(heard: Heard) -> None:
    for part in OLLAMA.chat("m", ASK, stream=True):
        heard.text += part.message.content or ""
        heard.stopped = part.done_reason or heard.stopped


CLIENTS: Final[dict[str, Callable[[Heard], None]]] = {
    "openai-chat": openai_chat,
    "anthropic": anthropic_messages,
    "gemini": gemini,
    "ollama": ollama_chat,
}
GOOGLE: Final = genai_errors.UnknownApiResponseError
# One row a fault: openai chat, anthropic, google-genai, ollama; None is the answer as it was.
TABLE: Final[dict[str, tuple[Any, Any, Any, Any]]] = {
    "dns-failure": (openai.APIConnectionError, anthropic.APIConnectionError, httpx2.ConnectError, httpx.ConnectError),
    "connect-latency,for=2s": (None, None, None, None),
    "close-before-headers": (
        openai.APIConnectionError, anthropic.APIConnectionError, httpx2.RemoteProtocolError, httpx.RemoteProtocolError,
    ),
    "garbage-instead-of-http": (
        openai.APIConnectionError, anthropic.APIConnectionError, httpx2.RemoteProtocolError, httpx.RemoteProtocolError,
    ),
    "http-403-forbidden": (
        openai.PermissionDeniedError, anthropic.PermissionDeniedError, genai_errors.ClientError, NotImplemented,
    ),
    "http-429-no-retry-flag": (
        openai.RateLimitError, anthropic.RateLimitError, genai_errors.ClientError, ollama.ResponseError,
    ),
    "http-502-html-proxy": (
        openai.InternalServerError, anthropic.InternalServerError, genai_errors.ServerError, ollama.ResponseError,
    ),
    "http-200-html": ("", "", GOOGLE, ValueError),
    "http-200-empty-body": ("", "", "", ""),
    "http-200-error-json": ("", "", genai_errors.ServerError, ollama.ResponseError),
    "redirect-307-loop": (
        openai.APIConnectionError, anthropic.APIConnectionError, httpx2.TooManyRedirects, httpx.TooManyRedirects,
    ),
    "bad-content-encoding": (
        openai.APIConnectionError, httpx2.DecodingError, httpx2.DecodingError, httpx.DecodingError,
    ),
    "truncate-clean-mid-event": ("Grüße aus ", "Grüße aus ", GOOGLE, ValueError),
    "error-event,error=overloaded": (
        openai.APIError, anthropic.APIStatusError, genai_errors.ServerError, ollama.ResponseError,
    ),
    "malformed-json-event": (ValueError, ValueError, GOOGLE, ValueError),
    "invalid-utf8": (UnicodeDecodeError, UnicodeDecodeError, "Grüße aus Köln \ufffd🌍!", "Grüße aus Köln \ufffd🌍!"),
    "bad-chunk-size": (
        openai.APIConnectionError, httpx2.RemoteProtocolError, httpx2.RemoteProtocolError, httpx.RemoteProtocolError,
    ),
    "duplicate-event": ("Grüße aus Köln Köln 🌍!",) * 4,
    "unknown-event": (None, None, None, ValueError),
    "eof-without-last-chunk": (
        None, httpx2.RemoteProtocolError, httpx2.RemoteProtocolError, httpx.RemoteProtocolError,
    ),
    "data-after-terminator": (None, f"{TEXT}Grüße ", f"{TEXT}Grüße ", f"{TEXT}Grüße "),
    "gzip-ok": (None, None, None, None),
    "benign-cr-only": (None, None, None, NotImplemented),
    "benign-comments": (None, None, GOOGLE, NotImplemented),
    "benign-multiline-data": (None, None, None, NotImplemented),
    "benign-bom": (None, None, GOOGLE, ValueError),
    "finish-content-filter": ("", "", "", NotImplemented),
    "empty-stop": ("", "", "", ""),
}  # fmt: skip
REQUESTS: Final = {
    "dns-failure": (3, 3, 1, 1),
    "close-before-headers": (3, 3, 1, 1),
    "redirect-307-loop": (63, 63, 21, 21),
    "http-502-html-proxy": (3, 3, 1, 1),
    "garbage-instead-of-http": (3, 3, 1, 1),
}
CELLS: Final = [
    (kind, dialect, row[place], REQUESTS.get(kind, (1, 1, 1, 1))[place])
    for kind, row in TABLE.items()
    for place, dialect in enumerate(CLIENTS)
]


@pytest.mark.parametrize("kind,dialect,expected,requests", CELLS, ids=[f"{kind}-{name}" for kind, name, *_ in CELLS])
def test_a_client_does_what_it_does_on_a_real_connection(kind: str, dialect: str, expected: Any, requests: int) -> None:
    if expected is NotImplemented:
        assert dialect not in getattr(faults.get(kind.partition(",")[0]), "dialects", ())
        return
    heard = Heard()
    source = Always(spoken(dialect, stream=True))
    with harness.replay(source, faults=f"call=*/attempt=*/kind={kind}", unplayed="ignore") as session:
        if isinstance(expected, type):
            with pytest.raises(expected):
                CLIENTS[dialect](heard)
        else:
            CLIENTS[dialect](heard)
            assert heard.text == (TEXT if expected is None else expected)
        assert len(session.history) == requests


@pytest.mark.parametrize("client", [openai_chat, anthropic_messages])
def test_a_client_waits_until_the_date_that_it_was_told(client: Callable[[Heard], None]) -> None:
    """By the clock that its own `time.time` shows."""
    source = Always(spoken("anthropic" if client is anthropic_messages else "openai-chat", stream=True))
    case = "call=1/kind=http-429-rate-limit,retry_after=25s,format=http-date"
    with harness.replay(source, faults=case, unplayed="ignore") as session:
        heard = Heard()
        client(heard)
        assert heard.text == TEXT
        refused, answered = session.history
        assert 25 <= (answered.at - refused.at) / 1e9 <= 26.2


def test_a_slow_connection_runs_into_the_clients_own_connect_timeout() -> None:
    """And not into its timeout for reading, which is longer."""
    source = Always(spoken("openai-chat", stream=True))
    with harness.replay(source, faults="call=1/attempt=*/kind=connect-latency,for=30s", unplayed="ignore") as session:
        with pytest.raises(openai.APITimeoutError) as raised:
            openai_chat(Heard())
        assert isinstance(raised.value.__cause__, httpx2.ConnectTimeout)
        assert session.clock.elapsed < 20


def test_a_loop_of_redirects_goes_on_although_only_the_first_attempt_is_named() -> None:
    with harness.replay(
        Always(spoken("gemini", stream=True)), faults="call=1/kind=redirect-307-loop", unplayed="ignore"
    ) as session:
        with pytest.raises(httpx2.TooManyRedirects):
            gemini(Heard())
        assert len(session.history) == 21
