"""Async tests run on virtual time as sync ones do, whoever runs their loop."""

from __future__ import annotations

from typing import Any

import pytest

LATE = """
    @pytest.mark.harness
    async def test_ask():
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert await aask("hello") == "re: hello"
        await asyncio.sleep(3600)
        assert loop.time() - before >= 3600
        assert asyncio.get_running_loop().is_virtual
    """
ASK = """
    @pytest.mark.harness
    async def test_ask():
        assert await aask("hello") == "re: hello"
    """


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_pytest_asyncio(project: Any, mode: str) -> None:
    mark = "" if mode == "auto" else "pytestmark = pytest.mark.asyncio\n"
    options = ["-o", f"asyncio_mode={mode}"]
    project.write("test_a.py", mark + ASK.replace("\n    ", "\n"))
    project.run(*options, "--harness-record=once", passed=1)
    project.write("test_a.py", mark + LATE.replace("\n    ", "\n"))
    project.run(*options, passed=1)


def test_other_async_tests_keep_their_loop_and_their_names(project: Any, text: Any) -> None:
    project.write(
        "test_a.py",
        """
        pytestmark = pytest.mark.asyncio

        async def test_plain():
            assert not hasattr(asyncio.get_running_loop(), "is_virtual")

        async def test_virtual(virtual_time):
            await asyncio.sleep(60)
            assert virtual_time.elapsed == 60

        @pytest.mark.harness(clock="wall")
        async def test_wall():
            await aask("hello")
            assert not hasattr(asyncio.get_running_loop(), "is_virtual")
        """,
    )
    project.run("--harness-record=once", passed=3)
    shown = text(project.run("-v", passed=3))
    assert "test_a.py::test_plain PASSED" in shown


def test_a_named_session_opened_inside_of_an_async_test_is_virtual(project: Any) -> None:
    test = """
        @pytest.mark.asyncio
        async def test_ask(replay):
            session = replay("greeting")
            await aask("hello")
            {}
            assert "virtual" in session.transcript()
        """
    project.write("test_a.py", test.format("pass"))
    project.run("--harness-record=once", passed=1)
    project.write("test_a.py", test.format("await asyncio.sleep(3600)"))
    for mode in ("none", "once"):
        project.run(f"--harness-record={mode}", passed=1)


def test_a_miss_that_was_gathered_fails_the_call(project: Any, text: Any) -> None:
    project.write("test_a.py", "@pytest.mark.asyncio" + ASK.replace("\n    ", "\n"))
    project.run("--harness-record=once", passed=1)
    project.write(
        "test_a.py",
        """
        @pytest.mark.asyncio
        @pytest.mark.harness
        async def test_ask():
            await aask("hello")
            await asyncio.gather(aask("else"), return_exceptions=True)
        """,
    )
    assert "FAILED test_a.py::test_ask - harness.errors.Miss" in text(project.run(failed=1))


def test_anyio_on_asyncio(project: Any) -> None:
    backend = '\n@pytest.fixture\ndef anyio_backend():\n    return "asyncio"\n'
    project.write("test_a.py", backend + "\n@pytest.mark.anyio" + ASK.replace("\n    ", "\n"))
    project.run("--harness-record=once", passed=1)
    project.write("test_a.py", backend + "\n@pytest.mark.anyio" + LATE.replace("\n    ", "\n"))
    project.run(passed=1)


def test_anyio_on_trio(project: Any) -> None:
    backend = '\n@pytest.fixture\ndef anyio_backend():\n    return "trio"\n'
    project.write("test_a.py", backend + "\n@pytest.mark.anyio" + ASK.replace("\n    ", "\n"))
    project.run("--harness-record=once", passed=1)
    project.run(passed=1)


def test_a_sync_test_sleeps_virtually_and_runs_loops_of_its_own(project: Any) -> None:
    project.write(
        "test_a.py",
        """
        import time
        from time import sleep

        def test_fixture(virtual_time):
            sleep(60)
            time.sleep(60)
            asyncio.run(asyncio.sleep(60))
            assert virtual_time.elapsed == 180

        def test_session(replay):
            clock = replay(lambda prompt: "x").clock
            sleep(3600)
            assert clock.elapsed == 3600

        @pytest.mark.harness
        def test_both(replay, virtual_time):
            ask("hello")
            assert replay().records or replay().clock is virtual_time
        """,
    )
    project.run("--harness-record=once", "-k", "both", passed=1, deselected=2)
    project.run("--harness-unplayed=ignore", passed=3)
