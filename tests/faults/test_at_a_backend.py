"""Every fault at a backend, which has no wire: what a driver of either contract gets. It is rule 6 of the catalogue.

A row says what `complete` does, what `generate` does, and which tokens had come before a failure.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import pytest

import harness
from harness import faults
from harness.contract import GenerationCancelled, LLMConnectionError, LLMParseError, LLMTimeout
from harness.model import Reply, ToolCall, Usage

TEXT: Final = "Hé one two three."
BLOCK: Final = 'Done.\n~~~json\n{"items": [1, 2, 3]}\n~~~\nAnything else?'
PLAIN: Final = Reply(text=TEXT, finish="stop", usage=Usage(9, 7))
REPLIES: Final = {
    "length-in-block": Reply(text=BLOCK, finish="stop"),
    "unclosed-block": Reply(text=BLOCK, finish="stop"),
    "json-schema-violation": Reply(text='{"a": 1}', finish="stop"),
}
TOOLS: Final = Reply(tool_calls=(ToolCall("w", '{"city": "P", "n": 2}', "c1"),), finish="tool")
MESSAGES: Final = [{"role": "user", "content": "x"}]

UNREACHED: Final = [
    "connect-refused", "net-unreachable", "dns-failure", "tls-cert-invalid", "tls-eof", "keepalive-race",
    "close-before-headers", "reset-before-headers", "garbage-instead-of-http", "reset-during-upload",
    "header-too-large", "http-401-auth", "http-402-billing", "http-403-forbidden", "http-404-model-not-found",
    "http-408-timeout", "http-429-rate-limit", "http-429-no-retry-flag", "http-429-quota", "http-500-server-error",
    "http-502-html-proxy", "http-503-overloaded", "http-504-gateway-timeout", "http-200-error-json",
]  # fmt: skip
TOO_LATE: Final = ["connect-timeout", "tls-handshake-timeout", "pool-timeout", "stall-before-headers"]
NOT_THIS_PROMPT: Final = [
    "http-400-invalid-request", "http-400-context-length", "http-409-conflict", "http-413-too-large",
]  # fmt: skip
LOST: Final = {
    "reset-mid-stream": "Hé one two",
    "eof-mid-stream": "Hé one two",
    "cut-mid-chunk": "Hé one",
    "bad-chunk-size": "Hé one two",
}
UNREADABLE: Final = {
    "http-200-html": "",
    "truncate-clean-mid-event": "Hé one",
    "content-length-too-short": TEXT,
    "json-body-truncated": TEXT,
    "malformed-json-event": "Hé one two",
    "garbage-bytes": "Hé one two",
    "html-injected": "Hé one two",
}
SAID: Final[dict[str, tuple[str, str]]] = {
    **dict.fromkeys(
        [
            "connect-latency", "latency", "slow-gap", "slow-drip", "stall-after-terminator", "eof-without-last-chunk",
            "json-body-bom", "unknown-event", "missing-terminator", "missing-finish-reason",
            "last-event-no-blank-line", "pause", "unknown-enum-value", "usage-missing", "usage-zero",
            "benign-split-1-byte", "benign-coalesced", "benign-split-mid-utf8", "benign-crlf", "benign-lf",
            "benign-bom", "benign-blank-lines",
        ],
        (TEXT, "stop"),
    ),
    "truncate-clean": ("Hé one two", "stop"),
    "error-event": ("Hé one two", "error"),
    "long-line": ("Hé one two three.", "stop"),
    "invalid-utf8": ("Hé one two\N{REPLACEMENT CHARACTER} three.", "stop"),
    "duplicate-event": ("Hé one two two three.", "stop"),
    "drop-event": ("Hé one three.", "stop"),
    "reorder-events": ("Hé one three. two", "stop"),
    "data-after-terminator": (f"{TEXT}Hé", "stop"),
    "finish-length": (TEXT, "length"),
    "length-in-block": ('Done.\n~~~json\n{"items": ', "length"),
    "unclosed-block": ('Done.\n~~~json\n{"items": [1, 2, 3]}\nAnything else?', "stop"),
    "endless-repetition": (TEXT + " one two three." * 20, "length"),
    "json-fenced": (f"```json\n{TEXT}\n```", "stop"),
    "json-schema-violation": ("{}", "stop"),
    "http-200-empty-body": ("", "stop"),
    "http-204-no-content": ("", "stop"),
    "http-400-content-filter": ("", "error"),
    "finish-content-filter": ("", "error"),
    "load-only": ("", "error"),
    "empty-choices": ("", "stop"),
    "null-content": ("", "stop"),
    "empty-stop": ("", "stop"),
    "prompt-blocked": ("I'm sorry, but I can't help with that.", "error"),
    "tool-args-truncated": ("", "length"),
    **dict.fromkeys(
        [
            "tool-args-wrong-type", "tool-args-schema-violation", "tool-id-missing", "tool-id-duplicate",
            "tool-unknown-name", "tool-parallel-unexpected", "tool-index-gap",
        ],
        ("", "stop"),
    ),
}  # fmt: skip
FAILING: Final = {
    **dict.fromkeys((*UNREACHED, *NOT_THIS_PROMPT), (LLMConnectionError, "")),
    **dict.fromkeys(TOO_LATE, (LLMTimeout, "")),
    **{name: (LLMConnectionError, heard) for name, heard in LOST.items()},
    **{name: (LLMParseError, heard) for name, heard in UNREADABLE.items()},
    "stall-mid-stream": (LLMTimeout, "Hé one two"),
}


def session(kind: str, *, at: str = "call=1/attempt=*", params: str = "") -> harness.Session:
    reply = TOOLS if kind.startswith("tool-") else REPLIES.get(kind, PLAIN)
    return harness.replay(lambda _: reply, faults=f"{at}/kind={kind}{params}", unplayed="ignore")


def test_every_fault_with_a_native_form_has_a_row() -> None:
    native = {
        name
        for name, fault in faults.KNOWN.items()
        if "native" in (getattr(fault, "dialects", frozenset()) or {"native"})
    }
    assert native == {*FAILING, *SAID}


@pytest.mark.parametrize("kind", FAILING)
def test_a_driver_gets_the_exception_of_its_contract(kind: str) -> None:
    error, heard = FAILING[kind]
    with session(kind) as played, pytest.raises(error):
        played.backend(timeout=60.0).complete(MESSAGES)
    with session(kind) as played:
        backend, tokens = played.backend(timeout=60.0), list[str]()
        with pytest.raises(error):
            for token in backend.stream_tokens(MESSAGES):
                tokens.append(token)
        assert ("".join(tokens), backend.last_finish_reason) == (heard, "error")
    with session(kind) as played:
        ask = played.backend(timeout=60.0).generate("x")
        if kind in NOT_THIS_PROMPT:
            result = asyncio.run(ask)
            assert (result.success, result.extra["status"]) == (False, int(kind[5:8]))
        else:
            with pytest.raises(error):
                asyncio.run(ask)


@pytest.mark.parametrize("kind", SAID)
def test_a_driver_gets_what_a_wire_would_silently_give_it(kind: str) -> None:
    text, finish = SAID[kind]
    with session(kind) as played:
        backend = played.backend(timeout=60.0)
        tokens = "".join(backend.stream_tokens(MESSAGES, max_tokens=None))
        assert backend.last_finish_reason == finish
        assert tokens == text or kind == "endless-repetition"
        assert tokens.startswith(text[:60])
    with session(kind) as played:
        result = asyncio.run(played.backend(timeout=60.0).generate("x"))
        assert result.success is (bool(text.strip()) and finish != "error")


def test_a_rate_limit_counts_down_and_then_the_answer_comes() -> None:
    with session("http-429-rate-limit", at="call=1", params=",retry_after=12s") as played:
        backend, heard = played.backend(), list[str]()
        backend.on_status = heard.append
        assert backend.complete(MESSAGES).narrative_text == TEXT
        assert played.clock.elapsed == 12
        assert len(heard) == 3
        assert heard[0].startswith("Rate limited")


def test_a_cancel_ends_the_countdown() -> None:
    with session("http-429-rate-limit", at="call=1", params=",retry_after=30s") as played:
        backend = played.backend()
        backend.cancel_event = threading.Event()
        played.cancel_at("t=12s")
        with pytest.raises(GenerationCancelled):
            backend.complete(MESSAGES)
        assert played.clock.elapsed == 12


@pytest.mark.parametrize("kind", ["redirect-307", "gzip-ok", "usage-only-last-chunk", "keepalive-stale"])
def test_a_fault_without_a_native_form_says_which_dialects_have_one(kind: str) -> None:
    with (
        pytest.raises(harness.Miss, match=rf"{kind} has no form in native; it has one in: [a-z]"),
        session(kind) as played,
    ):
        played.backend().complete(MESSAGES)
