"""Misses, the control endpoints, faults on demand, sessions by name, and who may come in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import harness
from harness.errors import ConfigurationError, FaultNotStruckError, SessionError, UnplayedError, VirtualTimeError
from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline
from tests.server.asking import GREETING, answering

Written = Callable[[str], Path]
CHAT = "/v1/chat/completions"


def _ask(server: Any, text: str = "hello", path: str = CHAT, **headers: str) -> httpx.Response:
    body = {"model": "tiny", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    return httpx.post(server.url + path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def _said(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def test_a_miss_is_an_error_that_says_why_is_not_retried_and_fails_the_test(written: Written) -> None:
    with pytest.raises(harness.Miss, match=r"when\.user"), harness.serve(written(GREETING)) as server:
        missed = _ask(server, "goodbye")
        assert missed.status_code == 400
        assert missed.headers["x-should-retry"] == "false"
        assert "wants contains 'hello', asked 'goodbye'" in missed.json()["error"]["message"]


@pytest.mark.parametrize(
    "path, at",
    [
        ("/v1/chat/completions", ["error", "message"]),
        ("/v1/embeddings", ["error", "message"]),
        ("/v1/messages", ["error", "message"]),
        ("/v1/messages/count_tokens", ["error", "message"]),
        ("/v1beta/models/tiny:generateContent", ["error", "message"]),
        ("/v1beta/models/tiny:countTokens", ["error", "message"]),
        ("/api/chat", ["error"]),
        ("/api/show", ["error"]),
    ],
)
def test_a_miss_speaks_the_dialect_of_whoever_asked(written: Written, path: str, at: list[str]) -> None:
    with pytest.raises(harness.Miss), harness.serve(written(GREETING)) as server:
        answer = _ask(server, "goodbye", path)
        said = answer.json()
        for key in at:
            said = said[key]
        assert said.startswith("no answer for POST")
        assert (answer.status_code, answer.json().get("type")) == (400, "error" if "/messages" in path else None)


def test_a_source_that_fails_is_told_and_remembered() -> None:
    def broken(prompt: harness.Prompt) -> str:
        message = f"no idea about {prompt.text}"
        raise RuntimeError(message)

    with pytest.raises(harness.Miss, match="RuntimeError: no idea about hello"), harness.serve(broken) as server:
        assert _ask(server).status_code == 500


def test_the_history_and_the_verdict_can_be_read_and_begun_anew(written: Written) -> None:
    with harness.serve(written(GREETING)) as server, httpx.Client(base_url=f"{server.url}/__harness__") as control:
        assert control.get("/health").json() == {"status": "ok", "source": "scenario scenario.yaml", "rate": 1.0}
        assert control.get("/verdict").json()["ok"] is False  # nothing was asked yet
        assert _said(_ask(server, "hello sk-proj-" + "a1B2" * 12)) == "Bonjour, comment ça va ?"
        [entry] = control.get("/history").json()
        assert (entry["call"], entry["attempt"], entry["id"], entry["outcome"]) == (1, 1, "hello", "ok")
        assert (entry["text"], entry["finish"]) == ("Bonjour, comment ça va ?", "stop")
        assert "a1B2a1B2" not in json.dumps(entry)
        assert control.get("/verdict").json() == {"ok": True, "misses": [], "complaint": None}
        assert control.post("/reset").json() == {"status": "ok"}
        assert control.get("/history").json() == []
        _ask(server)
        assert control.get("/nothing").status_code == 404
        assert control.get("/reset").status_code == 405


def test_a_miss_is_remembered_over_a_reset(written: Written) -> None:
    with pytest.raises(harness.Miss), harness.serve(written(GREETING)) as server:
        _ask(server, "goodbye")
        httpx.post(f"{server.url}/__harness__/reset")
        _ask(server)


def test_a_source_with_a_state_of_its_own_is_not_begun_again() -> None:
    with harness.serve(answering()) as server:
        assert httpx.post(server.url + CHAT, json={}).text == "fine"
        refused = httpx.post(f"{server.url}/__harness__/reset")
        assert (refused.status_code, "state of its own" in refused.json()["error"]) == (409, True)
        with pytest.raises(SessionError, match="state of its own"):
            server.reset()


def test_each_name_has_a_session_of_its_own(written: Written) -> None:
    once = GREETING.replace("reply: {text:", "sequence:\n      - {text: first}\n    then: error\n    #")
    with harness.serve(written(once), unplayed="ignore") as server:
        assert [_said(_ask(server, x_harness_session=name)) for name in ("a", "b")] == ["first", "first"]
        assert [len(server.session(name).history) for name in ("a", "b", "")] == [1, 1, 0]
        there = httpx.get(f"{server.url}/__harness__/history?session=a").json()
        assert [entry["id"] for entry in there] == ["hello"]


def test_a_request_may_demand_a_fault_for_itself(written: Written) -> None:
    with harness.serve(written(GREETING)) as server:
        refused = _ask(server, x_harness_fault="headers/kind=http-429-rate-limit,retry_after=2s")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        with pytest.raises(httpx.ReadError):
            _ask(server, x_harness_fault="kind=reset-before-headers")
        assert [entry.attempt for entry in server.history] == [1, 2]
        assert _said(_ask(server)) == "Bonjour, comment ça va ?"
        assert "x-harness-fault" not in server.history[0].request.headers


def test_a_fault_with_a_call_strikes_that_call_whoever_carries_the_header(written: Written) -> None:
    with harness.serve(written(GREETING)) as server:
        demands = {"x_harness_fault": "call=2/kind=http-500-server-error"}
        assert [_ask(server, f"hello {n}", **demands).status_code for n in range(3)] == [200, 500, 200]


@pytest.mark.parametrize(
    "fault, why",
    [
        ("kind=ressset", "no fault is called 'ressset'"),
        ("chunk=99/kind=reset", "that answer has 1 chunk"),
        ("call=1/chunk=99/kind=reset", "that answer has 1 chunk"),
        ("nonsense", "is no case"),
        ("t=3s/kind=reset", "no t="),
    ],
)
def test_a_demand_that_cannot_be_met_is_an_error_and_no_answer(written: Written, fault: str, why: str) -> None:
    with pytest.raises(harness.Miss, match=why), harness.serve(written(GREETING)) as server:
        refused = _ask(server, x_harness_fault=fault)
        assert refused.status_code == 400
        assert why in refused.json()["error"]["message"]


def test_an_armed_fault_strikes_and_one_that_does_not_fails_the_test(written: Written) -> None:
    with harness.serve(written(GREETING), faults="call=1/kind=http-503-overloaded") as server:
        assert [_ask(server).status_code for _ in range(2)] == [503, 200]
    with (
        pytest.raises(FaultNotStruckError),
        harness.serve(written(GREETING), faults="call=9/kind=http-503-overloaded") as server,
    ):
        _ask(server)


def test_an_answer_that_nobody_asked_for_fails_the_test(written: Written) -> None:
    two = GREETING.replace("reply: {text:", "sequence:\n      - {text: one}\n      - {text: two}\n    #")
    with pytest.raises(UnplayedError, match="hello"), harness.serve(written(two)) as server:
        _ask(server)


def test_models_are_listed_as_the_scenario_names_them(written: Written) -> None:
    with harness.serve(written(GREETING), unplayed="ignore") as server:
        at = server.url
        assert [m["id"] for m in httpx.get(f"{at}/v1/models").json()["data"]] == ["tiny"]
        assert httpx.get(f"{at}/v1/models/tiny").json()["object"] == "model"
        assert httpx.get(f"{at}/v1/models", headers={"anthropic-version": "1"}).json()["last_id"] == "tiny"
        assert httpx.get(f"{at}/v1beta/models").json()["models"][0]["name"] == "models/tiny"
        assert httpx.get(f"{at}/api/tags").json()["models"] == [{"name": "tiny", "model": "tiny"}]
        assert httpx.head(f"{at}/v1/models").headers["content-length"]


def test_a_model_that_nobody_named_is_a_miss(written: Written) -> None:
    with pytest.raises(harness.Miss), harness.serve(written(GREETING)) as server:
        assert httpx.get(f"{server.url}/v1/models/other").status_code == 400


def test_a_scenario_says_at_the_list_when_its_model_is_available(written: Written) -> None:
    late = GREETING.replace("calls:", "available: [false, true]\ncalls:")
    with harness.serve(written(late), unplayed="ignore") as server:
        assert [httpx.get(f"{server.url}/api/tags").status_code for _ in range(3)] == [503, 200, 200]


TOKEN = "hm-4711-secret"


@pytest.mark.parametrize(
    "headers, query",
    [
        ({"authorization": f"Bearer {TOKEN}"}, ""),
        ({"x-api-key": TOKEN}, ""),
        ({"x-goog-api-key": TOKEN}, ""),
        ({"x-harness-token": TOKEN}, ""),
        ({}, f"?key={TOKEN}"),
        ({"authorization": f"Bearer {TOKEN}", "x-api-key": "another"}, ""),
    ],
)
def test_the_token_opens_wherever_a_client_puts_its_key(written: Written, headers: dict[str, str], query: str) -> None:
    with harness.serve(written(GREETING), token=TOKEN, unplayed="ignore") as server:
        assert httpx.get(f"{server.url}/__harness__/health{query}", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/v1/models", "/__harness__/health", "/__harness__/history"])
@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": TOKEN[:-1]}])
def test_nobody_comes_in_without_the_token(written: Written, path: str, given: dict[str, str]) -> None:
    with harness.serve(written(GREETING), token=TOKEN, unplayed="ignore") as server:
        refused = httpx.get(server.url + path, headers=given)
        assert refused.status_code == 401
        assert TOKEN not in refused.text + repr(server.server.__dict__) + server.transcript()
        assert not server.history


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_a_host_that_others_can_reach_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigurationError, match="token"):
        harness.serve(answering(), host=host)


def test_a_page_in_a_browser_may_ask(written: Written) -> None:
    with harness.serve(written(GREETING)) as server:
        asked = {"origin": "http://page", "access-control-request-method": "POST"}
        allowed = httpx.options(server.url + CHAT, headers={**asked, "access-control-request-headers": "x-a, x-b"})
        assert (allowed.status_code, allowed.headers["access-control-allow-headers"]) == (204, "x-a, x-b")
        assert _ask(server, origin="http://page").headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-origin" not in _ask(server).headers
        assert httpx.get(f"{server.url}/favicon.ico").status_code == 404  # and no miss
        control = httpx.options(f"{server.url}/__harness__/history", headers=asked)
        assert "access-control-allow-origin" not in control.headers


def test_virtual_time_does_not_cross_a_socket() -> None:
    with pytest.raises(VirtualTimeError, match="rate"), harness.virtual_time():
        harness.serve(answering()).start()


def test_a_case_is_for_a_scenario(written: Written) -> None:
    with pytest.raises(SessionError, match="only a scenario has cases"):
        harness.serve(lambda prompt: "x", "once")
    with pytest.raises(SessionError, match="not started"):
        assert harness.serve(written(GREETING)).url


def test_who_is_sent_on_comes_back_here_and_not_to_where_it_was_recorded(written: Written) -> None:
    recorded = Request("POST", "https://api.openai.com/v1/chat/completions", body=b"{}")
    moved = Head(307, Headers((("location", recorded.url), ("content-length", "0"))))
    cassette = Cassette((Interaction(recorded, Timeline.of(moved, [])),))
    with harness.serve(cassette) as server:
        assert httpx.post(server.url + CHAT, content=b"{}").headers["location"] == CHAT
    with harness.serve(written(GREETING), faults="call=1/kind=redirect-307") as server:
        body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
        answer = httpx.post(server.url + CHAT, json=body, follow_redirects=True)
        assert [passed.status_code for passed in answer.history] == [307]
        assert _said(answer) == "Bonjour, comment ça va ?"
