"""A miss fails the call of the test that made it, whatever the test, its driver or its SDK did with it."""

from __future__ import annotations

from typing import Any

import pytest

WAYS = {
    "except_exception": """
        try:
            ask("else")
        except Exception:
            pass
        """,
    "bare_except": """
        try:
            ask("else")
        except:
            pass
        """,
    "another_error": """
        try:
            ask("else")
        except BaseException as error:
            raise RuntimeError("degraded") from None
        """,
    "a_failed_assertion": """
        try:
            answer = ask("else")
        except BaseException:
            answer = "sorry"
        assert answer == "re: else"
        """,
    "a_skip": """
        try:
            ask("else")
        except BaseException:
            pytest.skip("no model")
        """,
    "a_thread": """
        import threading
        import warnings
        warnings.simplefilter("ignore")
        thread = threading.Thread(target=ask, args=("else",))
        thread.start()
        thread.join()
        """,
    "a_pool": """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor() as pool:
            pool.submit(ask, "else").exception()
        """,
    "gather": """
        async def main():
            await asyncio.gather(aask("else"), return_exceptions=True)
        try:
            asyncio.run(main())
        except BaseException:
            pass
        """,
}


def indented(code: str) -> str:
    lines = [line.removeprefix("        ") for line in code.strip("\n").splitlines()]
    return "\n".join(f"    {line}" for line in lines)


@pytest.fixture
def recorded(project: Any) -> Any:
    """A project whose module has a cassette with one answer, to `hello`."""
    project.write("test_a.py", '@pytest.mark.harness("greeting")\ndef test_ask():\n    ask("hello")\n')
    project.run("--harness-record=once", passed=1)
    return project


def test_a_miss_cannot_be_swallowed(recorded: Any, text: Any) -> None:
    tests = [
        f'@pytest.mark.harness("greeting")\ndef test_{name}():\n    ask("hello")\n{indented(code)}'
        for name, code in WAYS.items()
    ]
    recorded.write("test_a.py", "\n\n".join(tests))
    result = recorded.run("-W", "ignore", failed=len(WAYS))
    shown = text(result)
    for name in WAYS:
        assert f"FAILED test_a.py::test_{name} - harness.errors.Miss: no answer fo" in shown
    assert "RuntimeError: degraded" in shown, "what followed is the cause"
    assert "assert 'sorry' == 're: else'" in shown


def test_a_miss_in_a_test_case_replaces_what_unittest_kept(recorded: Any, text: Any) -> None:
    recorded.write(
        "test_a.py",
        """
        import unittest

        class Case(unittest.TestCase):
            @pytest.mark.harness("greeting")
            def test_swallowed(self):
                ask("hello")
                try:
                    ask("else")
                except BaseException:
                    pass

            @pytest.mark.harness("greeting")
            def test_followed(self):
                ask("hello")
                try:
                    ask("else")
                except BaseException:
                    self.fail("degraded")
        """,
    )
    shown = text(recorded.run(failed=2))
    assert shown.count("- harness.errors.Miss: no answer") == 2
    assert "AssertionError: degraded" in shown


def test_a_miss_is_no_expected_failure_unless_it_is_expected_by_name(recorded: Any) -> None:
    recorded.write(
        "test_a.py",
        """
        @pytest.mark.xfail
        @pytest.mark.harness("greeting")
        def test_any():
            ask("else")

        @pytest.mark.xfail(raises=harness.Miss)
        @pytest.mark.harness("greeting")
        def test_by_name():
            ask("else")
        """,
    )
    recorded.run(failed=1, xfailed=1)


def test_a_miss_that_comes_after_the_call_fails_at_teardown(recorded: Any, text: Any) -> None:
    recorded.write(
        "test_a.py",
        """
        @pytest.fixture
        def late():
            yield
            try:
                ask("else")
            except BaseException:
                pass

        @pytest.mark.harness("greeting")
        def test_ask(late):
            ask("hello")
        """,
    )
    shown = text(recorded.run(passed=1, errors=1))
    assert "ERROR test_a.py::test_ask - harness.errors.Miss" in shown


def test_every_open_session_is_asked_and_each_miss_is_reported_once(recorded: Any, text: Any) -> None:
    recorded.write(
        "test_a.py",
        """
        @pytest.fixture(scope="module", autouse=True)
        def session(replay_module):
            return replay_module("greeting")

        def test_fine():
            ask("hello")

        def test_misses():
            try:
                ask("else")
            except BaseException:
                pass

        def test_fine_as_well():
            pass
        """,
    )
    shown = text(recorded.run(passed=2, failed=1))
    assert "FAILED test_a.py::test_misses - harness.errors.Miss" in shown


def test_a_session_of_the_tests_own_is_asked_as_well(recorded: Any, text: Any) -> None:
    recorded.write(
        "test_a.py",
        """
        @pytest.fixture
        def session():
            with harness.replay("cassettes/test_a/greeting.yaml") as session:
                yield session

        def test_ask(session):
            ask("hello")
            try:
                ask("else")
            except BaseException:
                pass
        """,
    )
    assert "FAILED test_a.py::test_ask - harness.errors.Miss" in text(recorded.run(failed=1, errors=1))


def test_a_refused_connection_fails_the_test(recorded: Any, text: Any) -> None:
    recorded.write(
        "test_a.py",
        """
        import socket

        @pytest.mark.harness("greeting")
        def test_ask():
            ask("hello")
            try:
                socket.create_connection(("192.0.2.1", 80), timeout=1)
            except OSError:
                pass

        @pytest.mark.harness("greeting", allowed_hosts=["192.0.2.1"])
        def test_allowed(monkeypatch):
            ask("hello")
        """,
    )
    shown = text(recorded.run(passed=2, errors=1))
    assert "a connection was refused while this replay was open" in shown
    assert "192.0.2.1:80" in shown


def test_the_network_can_be_blocked_for_every_test(project: Any, text: Any) -> None:
    project.write(
        "test_a.py",
        """
        import socket

        def test_reaches_out():
            socket.create_connection(("192.0.2.1", 80), timeout=1)
        """,
    )
    shown = text(project.run("--harness-block-network", failed=1))
    assert "NetworkRefusedError" in shown
