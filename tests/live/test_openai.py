"""The `openai` backend over real sockets on loopback: what is sent, what a failure says, and that a cap is a cap."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest

import harness
from harness.contract import GenerationCancelled, LLMConnectionError, LLMParseError, LLMTimeout
from harness.model import Problem
from harness.testing import Act, Peer, Script, loopback

ASK: Any = [{"role": "user", "content": "hi"}]


def backend_of(peer: Peer, **options: Any) -> Any:
    return harness.get_backend("openai", **{"model": "m", "base_url": peer.base_url, "api_key": "", **options})


def body_of(peer: Peer, number: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(peer.asked[number].body)
    return body


def test_the_chat_contract_s_defaults_are_said_and_parameters_are_spelled_as_the_wire_has_them() -> None:
    with loopback(Script()) as peer:
        backend_of(peer).complete(ASK, response_format="json", stop_sequences=["END"], max_tokens=9)
        body = body_of(peer)
    assert (body["temperature"], body["top_p"], body["stream"]) == (0.7, 1.0, False)
    assert (body["response_format"], body["stop"], body["max_tokens"]) == ({"type": "json_object"}, ["END"], 9)
    assert body["messages"] == ASK


def test_a_prompt_is_one_user_message_and_leaves_the_server_its_own_defaults() -> None:
    with loopback(Script()) as peer:
        asyncio.run(backend_of(peer).generate("Write."))
        body = body_of(peer)
    assert body["messages"] == [{"role": "user", "content": "Write."}]
    assert "temperature" not in body


def test_the_key_is_sent_and_never_shown() -> None:
    key = "sk-proj-" + "a1B2c3D4e5" * 4
    told = Act(problem=Problem("auth", f"Incorrect API key provided: {key}", status=401))
    with loopback(Script.of(told)) as peer:
        backend = backend_of(peer, api_key=key)
        with pytest.raises(LLMConnectionError) as caught:
            backend.complete(ASK)
        with pytest.raises(LLMConnectionError) as raised:
            asyncio.run(backend.generate("x"))
    assert peer.asked[0].headers.get("authorization") == f"Bearer {key}"
    assert "HTTP 401 (auth): Incorrect API key" in str(caught.value)
    assert key not in str(caught.value) + str(raised.value)


def test_a_failure_says_what_was_asked_where_and_what_came_back() -> None:
    with (
        loopback(Script.of(Act.failing(404, "not-found"))) as peer,
        pytest.raises(LLMConnectionError, match=rf"m at {peer.base_url}/chat/completions .*HTTP 404 .*scripted 404"),
    ):
        backend_of(peer).complete(ASK)


def test_a_wrong_address_that_answers_with_a_page_is_a_parse_error_that_shows_it() -> None:
    with loopback(Script.of(Act(garbage=True))) as peer, pytest.raises(LLMParseError, match="<html>no model here"):
        backend_of(peer).complete(ASK)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://no such host/v1", "ftp://127.0.0.1/v1", "nonsense"])
def test_an_address_that_leads_nowhere_is_a_connection_error_and_no_health(url: str) -> None:
    backend = harness.get_backend("openai", model="m", base_url=url, api_key="")
    with pytest.raises(LLMConnectionError, match="was not reached"):
        backend.complete(ASK)
    assert backend.is_available() is False


def test_health_is_asked_for_with_its_own_short_timeout() -> None:
    with loopback(Script(available=False)) as peer:
        assert backend_of(peer).is_available() is False
    with loopback(Script()) as peer:
        assert backend_of(peer).is_available() is True
    assert backend_of(peer).is_available() is False, "the server is gone"


DRIP = Act(tuple("drip drip drip drip"), gap_s=0.05)


@pytest.mark.parametrize("in_task", [False, True], ids=["thread", "task"])
def test_a_drip_meets_the_cap_at_the_cap(in_task: bool) -> None:
    """Every pause is shorter than the cap, so no read timeout would ever strike."""
    with loopback(Script.of(DRIP)) as peer:
        backend = backend_of(peer, timeout=0.3)
        started = time.monotonic()
        with pytest.raises(LLMTimeout, match="characters had arrived"):
            asyncio.run(backend.acomplete(ASK, stream=True)) if in_task else list(backend.stream_tokens(ASK))
        assert 0.29 <= time.monotonic() - started < 0.5


def test_a_stall_after_some_tokens_ends_at_the_cap_and_not_at_the_server_s_leisure() -> None:
    stall = Act(("Hello", " there"), then="stall", stall_s=30)
    with loopback(Script.of(stall)) as peer:
        started = time.monotonic()
        with pytest.raises(LLMTimeout, match="11 characters had arrived"):
            list(backend_of(peer, timeout=0.2).stream_tokens(ASK))
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("in_task", [False, True], ids=["thread", "task"])
def test_a_cancel_ends_a_read_that_nothing_else_would_end(in_task: bool) -> None:
    silent = Act(("late",), gap_s=30)
    with loopback(Script.of(silent)) as peer:
        backend = backend_of(peer)
        backend.cancel_event = threading.Event()
        timer = threading.Timer(0.1, backend.cancel_event.set)
        timer.start()
        started = time.monotonic()
        with pytest.raises(GenerationCancelled):
            asyncio.run(backend.acomplete(ASK)) if in_task else backend.complete(ASK)
        timer.join()
    assert time.monotonic() - started < 2


def test_a_request_leaves_no_thread_behind() -> None:
    with loopback(Script()) as peer:
        backend = backend_of(peer)
        backend.cancel_event = threading.Event()
        before = set(threading.enumerate())
        backend.complete(ASK)
        left = set(threading.enumerate()) - before
        assert [thread.name for thread in left if "harness" in thread.name] == []


def test_what_was_recorded_live_is_replayed_offline_by_the_same_backend(tmp_path: Any) -> None:
    with loopback(Script.of(Act(("Hello", " there.")))) as peer:
        backend = backend_of(peer)
        with harness.record(tmp_path / "live.yaml"):
            live = list(backend.stream_tokens(ASK))
    with harness.replay(tmp_path / "live.yaml"):
        assert list(backend.stream_tokens(ASK)) == live == ["Hello", " there."]


def test_what_was_recorded_live_is_replayed_by_a_replay_backend(tmp_path: Any) -> None:
    with loopback(Script.of(Act(("Hello", " there.")))) as peer, harness.record(tmp_path / "live.yaml"):
        live = backend_of(peer).complete(ASK)
    with harness.replay(tmp_path / "live.yaml") as session:
        assert session.backend().complete(ASK) == live
