"""A patch goes as it came, whatever others did there meanwhile; and where it has to stay, it only passes on."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Any

import httpx2
import pytest

from harness.errors import Miss
from harness.model import Cassette
from harness.transports import _guard, is_intercepting
from harness.transports._patch import Patch


class Base:
    def speak(self) -> str:
        return "base"


class Owner(Base):
    def own(self) -> str:
        return "own"


def _loud(original: Callable[..., Any]) -> Callable[..., Any]:
    def louder(*args: Any) -> str:
        return str(original(*args)).upper()

    return louder


@pytest.fixture(params=["own", "speak"], ids=["own", "inherited"])
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    before = dict(vars(Owner))
    yield request.param
    for key in set(vars(Owner)) - set(before):
        delattr(Owner, key)
    if "own" in before:
        Owner.own = before["own"]  # type: ignore[method-assign]


def test_it_goes_as_it_came(name: str) -> None:
    before, patch = dict(vars(Owner)), Patch(Owner, name, _loud)
    patch.apply()
    patch.apply()
    assert getattr(Owner(), name)() in {"OWN", "BASE"}
    patch.remove()
    patch.remove()
    assert dict(vars(Owner)) == before


def test_where_somebody_wrapped_it_it_stays_and_only_passes_on(name: str) -> None:
    patch = Patch(Owner, name, _loud)
    patch.apply()
    ours = getattr(Owner, name)
    setattr(Owner, name, lambda self: f"<{ours(self)}>")
    patch.remove()
    assert getattr(Owner(), name)() in {"<own>", "<base>"}
    patch.apply()
    assert getattr(Owner(), name)() in {"<OWN>", "<BASE>"}


def test_where_somebody_replaced_it_it_is_put_on_top_again(name: str) -> None:
    patch = Patch(Owner, name, _loud)
    patch.apply()
    setattr(Owner, name, lambda _: "theirs")
    patch.apply()
    assert getattr(Owner(), name)() == "THEIRS"
    patch.remove()
    assert getattr(Owner(), name)() == "theirs"


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Somebody wraps `Thread.start` and `submit`, as tracers do, and never lets go."""

    def wrap() -> None:
        for owner, method in ((threading.Thread, "start"), (ThreadPoolExecutor, "submit")):
            ours = getattr(owner, method)
            monkeypatch.setattr(owner, method, lambda *args, ours=ours, **kwargs: ours(*args, **kwargs))

    return wrap


def _is_carried() -> bool:
    """True where the running job was handed over by us."""
    return any("_carry" in frame.filename for frame in traceback.extract_stack())


def _in_a_thread() -> bool:
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(_is_carried()))
    thread.start()
    thread.join()
    return seen[0]


def _in_an_executor() -> bool:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_is_carried).result()


@pytest.mark.parametrize("carried", [_in_a_thread, _in_an_executor])
def test_threads_and_jobs_after_the_session_are_nobodys_business(
    memory: Any, wrapped: Callable[[], None], carried: Callable[[], bool]
) -> None:
    gc.collect()  # an exception that another test has left in a cycle keeps its context, and that keeps the patch
    with memory(Cassette()):
        wrapped()
        assert carried()
    assert not carried()
    with memory(Cassette()):
        assert carried()
    assert not carried()


def test_an_exception_that_is_kept_keeps_the_patch_and_nothing_else(memory: Any, server: Any) -> None:
    kept: list[BaseException] = []

    async def ask() -> None:
        async with httpx2.AsyncClient() as client:
            await client.post("http://model.test/")

    try:
        with memory(Cassette()):
            asyncio.run(ask())
    except Miss as miss:
        kept.append(miss)
    assert not hasattr(socket.socket.connect, "__wrapped__"), "the guard is down"
    with httpx2.Client() as client:
        assert client.post(f"{server.url}/whole").status_code == 200
    kept.clear()
    gc.collect()
    assert not is_intercepting()


def test_a_context_that_outlives_the_interpreter_says_nothing() -> None:
    script = """
import contextvars
import harness
from harness.model import Cassette

with harness.replay(Cassette()):
    import httpx
    kept = contextvars.copy_context()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_context_that_dies_while_another_is_settled_is_not_forgotten(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[list[Context]] = []
    for _ in range(2):
        with memory(Cassette()):
            kept.append([copy_context()])
    assert is_intercepting()
    settle = _guard.settle

    def dying() -> None:
        kept[0].clear()
        settle()

    monkeypatch.setattr(_guard, "settle", dying)
    kept[1].clear()
    assert not is_intercepting()
