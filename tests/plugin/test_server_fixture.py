"""The fixture `harness_server`: a scenario or a cassette on loopback for one test, judged with it."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import QUICK

SCENARIO = """
harness: 1
name: greeting
calls:
  - id: hello
    when: {user: {contains: hello}}
    sequence: [{text: first}]
    then: error
"""

TESTS = """
import threading
import httpx
import pytest

def ask(server, text):
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return httpx.post(server.url + "/v1/chat/completions", json=body)

def test_asked_by_a_thread_that_nobody_catches(harness_server):
    server = harness_server(scenario="greeting")
    thread = threading.Thread(target=ask, args=(server, "hello"))
    thread.start()
    thread.join()
    assert server.history[0].reply.text == "first"

def test_of_a_function(harness_server):
    assert "HELLO" in ask(harness_server(lambda prompt: prompt.text.upper()), "hello").text

def test_swallows_a_miss(harness_server):
    assert ask(harness_server(scenario="greeting"), "goodbye").status_code == 400

def test_asks_nothing(harness_server):
    harness_server(scenario="greeting")

def test_in_virtual_time(harness_server, virtual_time):
    with pytest.raises(Exception, match="virtual time cannot cross a socket"):
        harness_server(scenario="greeting")

def test_names_nothing(harness_server):
    with pytest.raises(TypeError, match="the name of a cassette"):
        harness_server()
"""


def test_a_server_is_judged_with_the_test_that_started_it(pytester: pytest.Pytester) -> None:
    pytester.mkdir("scenarios")
    (pytester.path / "scenarios" / "greeting.yaml").write_text(SCENARIO, "utf-8")
    pytester.makepyfile(test_it=TESTS)
    ran = pytester.runpytest_inprocess(*QUICK, "-rA")
    ran.assert_outcomes(passed=5, failed=1, errors=1)
    ran.stdout.fnmatch_lines(["*ERROR test_it.py::test_asks_nothing - harness.errors.NothingIntercepted*"])
    ran.stdout.fnmatch_lines(["*FAILED test_it.py::test_swallows_a_miss - harness.errors.Miss: *"])
