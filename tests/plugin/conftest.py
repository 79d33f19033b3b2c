"""A loopback model, and a project whose tests are run against it: each test of this folder is a story of commands."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any, Self

import httpcore
import httpcore2
import httpx
import httpx2
import pytest

import harness.session
import harness.transports
from harness.storage import load

SHARED_WITH_INNER_RUNS = (httpcore, httpcore2, httpx, httpx2, harness.session, harness.transports)
"""A run in this process forgets what it has imported. What the interception patches has to be the same for all,
and a client maps the errors of the one httpcore that it met first."""

QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
"""Hypothesis is imported anew by every run, and half of the time is its."""

DRIVER = """
import asyncio, os, sys
import httpx
import pytest
import harness

def body(text, **more):
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}

def ask(text, **more):
    with httpx.Client(verify=False) as client:  # loading the certificates would cost more than all the rest
        response = client.post(os.environ["MODEL_URL"] + "/v1/chat/completions", json=body(text, **more))
    return response.json()["choices"][0]["message"]["content"]

async def aask(text, **more):
    async with httpx.AsyncClient(verify=False) as client:
        response = await client.post(os.environ["MODEL_URL"] + "/v1/chat/completions", json=body(text, **more))
    return response.json()["choices"][0]["message"]["content"]
"""


class Model:
    """Answers `re: <the last message>` to chat requests, over real HTTP, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answers())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answers(self) -> type[BaseHTTPRequestHandler]:
        asked = self.asked

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                asked.append(body["messages"][-1]["content"])
                choice = {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": f"re: {asked[-1]}"},
                }
                answer = json.dumps(
                    {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}
                ).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        return Answers


@pytest.fixture(scope="session")
def model_process() -> Iterator[Model]:
    with Model() as model:
        yield model


@pytest.fixture
def model(model_process: Model) -> Model:
    model_process.asked.clear()
    return model_process


class Project:
    """A project of its own: write its files, run its tests."""

    def __init__(self, pytester: pytest.Pytester, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.model = model
        for name in ("CI", "HARNESS_RECORD"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("MODEL_URL", model.url)
        self.setenv = monkeypatch.setenv
        self.write("driver.py", DRIVER)
        pytester.syspathinsert()
        self.write("pyproject.toml", '[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = "function"\n')

    @property
    def root(self) -> Path:
        return self.pytester.path

    def write(self, name: str, text: str) -> Path:
        """A file of the project; a test file has the driver at hand."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        start = "from driver import *\n" if path.match("test_*.py") else ""
        path.write_text(start + dedent(text).lstrip("\n"))
        return path

    def configure(self, toml: str) -> None:
        with (self.root / "pyproject.toml").open("a") as file:
            file.write(dedent(toml))

    def run(self, *args: str, **outcomes: int) -> pytest.RunResult:
        """Run the project's tests in this process; `outcomes` are asserted, such as `passed=1`."""
        result = self.pytester.runpytest_inprocess(*QUICK, *args)
        if outcomes:
            result.assert_outcomes(**outcomes)
        return result

    def run_apart(self, *args: str, **outcomes: int) -> pytest.RunResult:
        """Run them in a process of their own."""
        result = self.pytester.runpytest_subprocess(*QUICK, *args)
        if outcomes:
            result.assert_outcomes(**outcomes)
        return result

    def cassettes(self) -> dict[str, list[str]]:
        """What lies in the project: cassette -> the last message of each request."""
        found = {}
        for path in sorted(self.root.rglob("*.yaml")):
            bodies = [json.loads(one.request.body) for one in load(path)]
            found[path.relative_to(self.root).as_posix()] = [body["messages"][-1]["content"] for body in bodies]
        return found


@pytest.fixture
def project(pytester: pytest.Pytester, model: Model, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(pytester, model, monkeypatch)


Lines = Callable[[pytest.RunResult], str]


@pytest.fixture
def text() -> Lines:
    """The whole output of a run."""
    return lambda result: result.stdout.str() + result.stderr.str()


def pytest_configure(config: pytest.Config) -> Any:
    """Pytester is wanted in this folder alone, and a conftest below the root may not name it in pytest_plugins."""
    if not config.pluginmanager.has_plugin("pytester"):
        config.pluginmanager.import_plugin("pytester")
