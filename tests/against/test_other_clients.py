"""requests, urllib3, botocore and aiohttp, unchanged: the same cassettes, the same matching, the same miss."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import requests.adapters
import urllib3
import vcr
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Response
from aiohttp.web import Request as WebRequest
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from google import genai

import harness
from harness.errors import Miss
from harness.transports import is_intercepting

KEY = "sk-" + "a1B2c3D4" * 6
CHAT = "/v1/chat/completions"
TEXT = "The capital of France is Paris."


def _ask(text: str, *, stream: bool = True) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}


def _said(lines: list[bytes]) -> str:
    events = [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events)


# --- the code under test: it knows nothing of us ---------------------------------------------------------------------


def by_requests(url: str, text: str) -> str:
    headers = {"Authorization": f"Bearer {KEY}"}
    with requests.post(url + CHAT, json=_ask(text), headers=headers, stream=True, timeout=5) as response:
        return _said(list(response.iter_lines()))


def by_requests_with_retries(url: str, text: str) -> str:
    with requests.Session() as client:
        retries = urllib3.Retry(total=5, backoff_factor=30, status_forcelist=[500], allowed_methods=None)
        client.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        return str(client.post(url + CHAT, json=_ask(text, stream=False)).json()["choices"][0]["message"]["content"])


def by_urllib3(url: str, text: str) -> str:
    response = urllib3.PoolManager().request("POST", url + CHAT, json=_ask(text), headers={"Authorization": KEY})
    return _said(response.data.splitlines())


def by_botocore(url: str, text: str) -> str:
    asked = AWSRequest("POST", url + CHAT, {"Content-Type": "application/json"}, json.dumps(_ask(text)).encode())
    return _said(URLLib3Session().send(asked.prepare()).content.splitlines())


async def _by_aiohttp(url: str, text: str) -> str:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(headers=headers) as client, client.post(url + CHAT, json=_ask(text)) as response:
        return _said(b"".join([piece async for piece in response.content.iter_any()]).splitlines())


async def _by_aiohttp_in_lines(url: str, text: str) -> str:
    async with (
        aiohttp.ClientSession(base_url=url) as client,
        client.post(CHAT, data=json.dumps(_ask(text))) as response,
    ):
        return _said([line async for line in response.content])


async def _by_aiohttp_whole(url: str, text: str) -> str:
    async with aiohttp.ClientSession() as client, client.post(url + CHAT, json=_ask(text, stream=False)) as response:
        return str((await response.json())["choices"][0]["message"]["content"])


async def _by_genai(url: str, text: str) -> str:
    """google-genai takes aiohttp for its async calls wherever that is installed."""
    options = genai.types.HttpOptions(base_url=url)
    async with genai.Client(api_key="test", http_options=options).aio as client:
        return (await client.models.generate_content(model="m", contents=text)).text or ""


async def _by_genai_streamed(url: str, text: str) -> str:
    options = genai.types.HttpOptions(base_url=url)
    async with genai.Client(api_key="test", http_options=options).aio as client:
        stream: Any = await client.models.generate_content_stream(model="m", contents=text)
        return "".join([chunk.text or "" async for chunk in stream])


def by_httpx(url: str, text: str) -> str:
    return _said(httpx.post(url + CHAT, json=_ask(text)).content.splitlines())


Call = Callable[[str, str], str]


def _run(call: Callable[[str, str], Any]) -> Call:
    def run(url: str, text: str) -> str:
        return str(asyncio.run(call(url, text)))

    run.__name__ = call.__name__.lstrip("_")
    return run


by_aiohttp, by_aiohttp_in_lines, by_aiohttp_whole = map(_run, (_by_aiohttp, _by_aiohttp_in_lines, _by_aiohttp_whole))
CALLS = [
    by_requests, by_requests_with_retries, by_urllib3, by_botocore, by_aiohttp, by_aiohttp_in_lines, by_aiohttp_whole,
    _run(_by_genai), _run(_by_genai_streamed),
]  # fmt: skip
every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
ALIKE = [by_httpx, by_requests, by_urllib3, by_botocore, by_aiohttp]


# --- the claims ------------------------------------------------------------------------------------------------------


@every_call
def test_a_call_is_recorded_and_replayed_with_the_server_gone(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        assert call(provider.url, "France?") == TEXT
    assert provider.requests == 1
    provider.shutdown()
    provider.server_close()
    with harness.replay(path) as session:
        assert call(provider.url, "France?") == TEXT
    assert len(session.history) == 1
    gc.collect()
    assert not is_intercepting()


@every_call
def test_another_prompt_is_a_miss_at_once_and_says_where_it_differs(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        call(provider.url, "France?")
    with pytest.raises(Miss) as caught, harness.replay(path) as session:
        call(provider.url, "Spain?")
    assert "recorded" in str(caught.value)
    assert "France?" in str(caught.value)
    assert session.misses == (caught.value,)
    assert (len(session.history), provider.requests, session.clock.now()) == (1, 1, 0)


def test_google_genai_goes_by_aiohttp_where_it_is_installed(
    provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    original = aiohttp.ClientSession._request

    async def listening(self: Any, method: str, url: Any, **options: Any) -> Any:
        asked.append(str(url))
        return await original(self, method, url, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", listening)
    with harness.record(tmp_path / "call.yaml"):
        asyncio.run(_by_genai(provider.url, "France?"))
    assert [url.rpartition(":")[2] for url in asked] == ["generateContent"], "or the tests above prove nothing of it"


@pytest.mark.parametrize("replayed", ALIKE)
@pytest.mark.parametrize("recorded", ALIKE)
def test_who_recorded_does_not_matter(recorded: Call, replayed: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        recorded(provider.url, "France?")
    with harness.replay(path):
        assert replayed(provider.url, "France?") == TEXT
    assert provider.requests == 1


@pytest.mark.parametrize("call", [by_requests, by_aiohttp])
def test_stock_vcrpy_replays_what_we_recorded(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        call(provider.url, "France?")
    with vcr.use_cassette(str(path), record_mode="none") as cassette:
        assert call(provider.url, "France?") == TEXT
    assert cassette.all_played


@pytest.mark.parametrize("call", [by_requests, by_urllib3, by_botocore, by_aiohttp, by_aiohttp_in_lines])
def test_we_replay_what_stock_vcrpy_recorded(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with vcr.use_cassette(str(path)):
        call(provider.url, "France?")
    with harness.replay(path):
        assert call(provider.url, "France?") == TEXT
    assert provider.requests == 1


@every_call
def test_no_key_reaches_the_file(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        call(provider.url, "France?")
        call(provider.url, f"My key is {KEY}")
    assert KEY not in path.read_text()
    with harness.replay(path):
        call(provider.url, "France?")
        assert call(provider.url, "My key is sk-" + "z9Y8x7W6" * 6) == TEXT


@pytest.mark.parametrize("call", [by_requests, by_aiohttp])
def test_the_record_modes_are_those_of_every_client(call: Call, provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path, "once"):
        call(provider.url, "France?")
    with harness.record(path, "new_episodes"):
        call(provider.url, "France?")
        call(provider.url, "Spain?")
    assert provider.requests == 2
    with pytest.raises(Miss), harness.record(path, "once"):
        call(provider.url, "Italy?")
    with harness.record(path, "all"):
        call(provider.url, "France?")
        call(provider.url, "Spain?")
    assert provider.requests == 4
    assert len(harness.load(path).interactions) == 2


@pytest.mark.parametrize("call", [by_requests, by_urllib3, by_aiohttp])
def test_a_recording_keeps_the_chunks_in_which_it_was_heard(call: Call, provider: Any, tmp_path: Path) -> None:
    with harness.record(tmp_path / "call.yaml") as session:
        call(provider.url, "France?")
    timeline = session.takes[0].interaction().timeline
    assert timeline.body.endswith(b"data: [DONE]\n\n")
    assert len(timeline.chunks) >= 1
    assert timeline.left is None


@pytest.mark.parametrize("call", [by_requests, by_aiohttp])
def test_an_ignored_host_is_neither_answered_nor_recorded(call: Call, provider: Any, tmp_path: Path) -> None:
    host = f"127.0.0.1:{provider.server_port}"
    with harness.replay(harness.load(_empty(tmp_path)), ignored_hosts=[host]) as session:
        assert call(provider.url, "France?") == TEXT
    assert (len(session.history), provider.requests) == (0, 1)


def _empty(folder: Path) -> Path:
    path = folder / "empty.yaml"
    path.write_text("interactions: []\nversion: 1\n")
    return path


def test_the_server_of_a_test_beside_a_replay_is_the_tests_own(provider: Any, tmp_path: Path) -> None:
    path = tmp_path / "call.yaml"
    with harness.record(path):
        by_aiohttp(provider.url, "France?")

    async def index(_: WebRequest) -> Response:
        return Response(text=await _by_aiohttp(provider.url, "France?"))

    async def main() -> str:
        app = Application()
        app.router.add_get("/", index)
        async with TestClient(TestServer(app)) as client, client.get("/") as response:
            return await response.text()

    with harness.replay(path) as session:
        assert asyncio.run(main()) == TEXT
    assert (len(session.history), provider.requests) == (1, 1)
