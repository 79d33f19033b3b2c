"""What a live backend says where it was set up wrongly, or meets somebody else: what was sent where, what came back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness.contract import LLMConnectionError, LLMParseError
from harness.dialects import get
from harness.live import choose
from harness.model import Message, Prompt, Reply, Timeline, Usage
from harness.testing import Act, Script, loopback

HELLO = [{"role": "user", "content": "Hello?"}]
PATHS = {
    "openai": "/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/m:generateContent",
    "ollama": "/api/chat",
}
DIALECTS = {"openai": "openai-chat", "anthropic": "anthropic", "gemini": "gemini", "ollama": "ollama"}
ALL = sorted(PATHS)


def backend(name: str, **options: Any) -> Any:
    return choose(name, {"model": "m", "base_url": "http://model.test", **options})


@pytest.mark.parametrize(
    "name, variables",
    [("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY"), ("gemini", "GEMINI_API_KEY or GOOGLE_API_KEY")],
)
def test_a_missing_key_names_its_variable_in_the_contract_s_own_exception(name: str, variables: str) -> None:
    with pytest.raises(LLMConnectionError, match=f"wants a key: set {variables}, or pass api_key"):
        choose(name, {"model": "m"})

    class TheirError(Exception):
        pass

    with pytest.raises(TheirError, match=variables):
        choose(name, {"model": "m", "contract": SimpleNamespace(LLMConnectionError=TheirError)})


@pytest.mark.parametrize("name", ALL)
def test_a_server_of_one_s_own_wants_no_key(name: str, answering: Any) -> None:
    with answering(({}, 500)) as world, pytest.raises(LLMConnectionError):
        backend(name).complete(HELLO)
    names = {header.lower() for header, _ in world.asked[0].headers}
    assert not names & {"authorization", "x-api-key", "x-goog-api-key"}


def test_a_key_that_no_header_can_carry_is_not_shown() -> None:
    with pytest.raises(LLMConnectionError, match="has characters that no key has: look at OPENAI_API_KEY") as caught:
        backend("openai", api_key="geheim\u2026\n schlüssel")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("name", ["anthropic", "fake", "gemini", "ollama", "openai"])
def test_options_that_a_backend_does_not_know_list_those_it_knows(name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}' has no option colour, modle; it knows .*timeout"):
        harness.get_backend(name, modle="m", colour="red")


def test_a_backend_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(ValueError, match="known are anthropic, fake, gemini, ollama, openai"):
        harness.get_backend("olama")
    with pytest.raises(ValueError, match="pass its name or set HARNESS_BACKEND"):
        harness.get_backend()


@pytest.mark.parametrize("name", ALL)
def test_a_model_that_nobody_named_is_asked_for(name: str) -> None:
    with pytest.raises(ValueError, match=r"which model to ask: pass model=\.\.\. or set HARNESS_MODEL"):
        harness.get_backend(name)


def test_everything_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, answering: Any) -> None:
    told = {"BACKEND": "anthropic", "MODEL": "claude-y", "BASE_URL": "http://model.test/", "TIMEOUT": "1m 30s"}
    for name, value in told.items():
        monkeypatch.setenv(f"HARNESS_{name}", value)
    chosen = harness.get_backend()
    assert (type(chosen).__name__, chosen.model, chosen.timeout) == ("AnthropicBackend", "claude-y", 90.0)
    with answering({"type": "message", "content": [{"type": "text", "text": "Hi."}]}) as world:
        assert chosen.complete(HELLO).narrative_text == "Hi."
    assert world.asked[0].url == "http://model.test/v1/messages"


@pytest.mark.parametrize("name", ALL)
def test_a_refused_connection_says_who_was_asked_where(name: str) -> None:
    with loopback(Script.of(Act(refused=True))) as peer:
        url = peer.base_url.removesuffix("/v1")
        with pytest.raises(LLMConnectionError, match=rf"m at {url}{PATHS[name]} was not reached: ConnectError: "):
            backend(name, base_url=url).complete(HELLO)
        with pytest.raises(LLMConnectionError, match=r"All connection attempts failed|refused"):
            asyncio.run(backend(name, base_url=url).generate("Hello?"))


@pytest.mark.parametrize("name", ALL)
def test_a_wrong_base_url_shows_what_came_back(name: str, answering: Any) -> None:
    where = f"m at http://model.test{PATHS[name]} "
    page = "<!doctype html><title>Welcome</title>" + "<p>" * 1000
    with answering(page, ("<h1>404 Not Found</h1>", 404)):
        with pytest.raises(LLMParseError, match=f"{where}answered what cannot be read: .*<title>Welcome") as caught:
            backend(name).complete(HELLO)
        assert len(str(caught.value)) < 500
        with pytest.raises(LLMConnectionError, match=rf"{where}failed: HTTP 404 \(not-found\): <h1>404 Not Found</h1>"):
            backend(name).complete(HELLO)


@pytest.mark.parametrize("url", ["model.test", "", "http://", "ftp://model.test", "http://[::1"])
@pytest.mark.parametrize("name", ALL)
def test_a_base_url_that_is_none_is_a_connection_error(name: str, url: str) -> None:
    try:
        failing = choose(name, {"model": "m", "base_url": url})
    except LLMConnectionError:
        return  # an empty one: the provider's own, which wants a key
    if url:
        with pytest.raises(LLMConnectionError):
            failing.complete(HELLO)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("theirs", ALL)
@pytest.mark.parametrize("name", ALL)
def test_an_answer_in_another_dialect_is_no_empty_answer(
    name: str, theirs: str, streamed: bool, answering: Any
) -> None:
    prompt = Prompt(messages=(Message("user", "Hello?"),), model="m", stream=streamed)
    reply = Reply(text="Hi there.", finish="stop", usage=Usage(1, 2))
    timeline = Timeline.of(*get(DIALECTS[theirs]).render(reply, prompt, ("Hi ", "there.")))
    with answering(timeline, timeline):
        if name == theirs:
            assert backend(name).complete(HELLO).narrative_text == "Hi there."
            return
        with pytest.raises(LLMParseError, match=r"m at http://model.test\S* answered what cannot be read: .*\w"):
            backend(name).complete(HELLO)
        with pytest.raises(LLMParseError):
            list(backend(name).stream_tokens(HELLO))


@pytest.mark.parametrize("name", ALL)
def test_what_came_back_is_redacted(name: str, answering: Any) -> None:
    key = "sk-ant-api03-" + "a1B2" * 20
    with answering(({"error": f"bad key {key}"}, 401)), pytest.raises(LLMConnectionError, match="HTTP 401") as caught:
        backend(name, api_key=key, base_url="http://user:pass@model.test").complete(HELLO)
    assert key not in str(caught.value)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("name", ALL)
def test_a_prompt_that_the_server_refuses_is_soft_with_its_status_and_body(name: str, answering: Any) -> None:
    with answering(({"error": {"message": "too long"}}, 400)):
        result = asyncio.run(backend(name).generate("Hello?"))
    assert (result.success, result.text, result.extra["status"]) == (False, "", 400)
    assert "too long" in result.extra["body"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_door_that_no_prompt_opens_is_the_contracts_exception(name: str, status: int, answering: Any) -> None:
    said = pytest.raises(LLMConnectionError, match=rf"HTTP {status} .*no such model")
    with answering(({"error": {"message": "no such model"}}, status)), said:
        asyncio.run(backend(name).generate("Hello?"))
