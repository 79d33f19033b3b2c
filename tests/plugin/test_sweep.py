"""A test is swept: each case is an item of its own, with a name that runs it alone."""

from __future__ import annotations

from typing import Any

import pytest

CAREFUL = """
class ModelError(Exception):
    pass

def careful(text):
    try:
        return ask(text)
    except Exception as error:
        raise ModelError("no answer") from error

@pytest.mark.harness
{mark}
def test_ask():
    assert careful("hello") == "re: hello"
"""
KINDS = "reset-before-headers http-500-server-error"
MARK = f'@pytest.mark.harness_sweep(contract=[ModelError], kinds="{KINDS}", modes=["once"])'
CASES = ["call=1/headers/kind=reset-before-headers", "call=1/headers/kind=http-500-server-error"]


def written(project: Any, mark: str, body: str = CAREFUL) -> None:
    project.write("test_a.py", body.format(mark=mark))
    project.run("--harness-record=once", passed=1)


def test_each_case_is_an_item_with_its_own_name(project: Any, text: Any) -> None:
    written(project, MARK)
    shown = text(project.run("-v", passed=3))
    for case in CASES:
        assert f"test_a.py::test_ask[{case}] PASSED" in shown
    assert "test_a.py::test_ask: 2 cases" in shown
    assert "  reset-before-headers    e\n  http-500-server-error   e" in shown


def test_a_case_runs_alone_by_its_name_and_by_the_option(project: Any) -> None:
    written(project, MARK)
    project.run(f"test_a.py::test_ask[{CASES[1]}]", passed=1)
    project.run("--harness-case", CASES[0], passed=1)


def test_the_option_sweeps_a_test_without_a_marker(project: Any, text: Any) -> None:
    written(project, "")
    project.run(passed=1)
    shown = text(project.run("--harness-sweep", "--harness-sweep-kinds=reset-before-headers", failed=2, passed=1))
    assert "contract-exceptions: test_a.ModelError escaped" in shown
    assert f"again: pytest 'test_a.py::test_ask[{CASES[0]}]'" in shown


def test_a_seed_of_the_command_line_is_in_the_line_to_paste(project: Any, text: Any) -> None:
    body = CAREFUL.replace(
        "raise ModelError", "if __import__('random').random() < 0.5: return ''\n        raise ModelError"
    )
    written(project, '@pytest.mark.harness_sweep(contract=ModelError, kinds="connect-refused", modes="once")', body)
    project.run("--harness-sweep-seed=0", passed=2)
    shown = text(project.run("--harness-sweep-seed=1", passed=1, failed=1))
    assert "test_ask[call=1/connect/kind=connect-refused]' --harness-sweep-seed=1" in shown
    project.run("test_a.py::test_ask[call=1/connect/kind=connect-refused]", "--harness-sweep-seed=1", failed=1)


def test_a_wrong_answer_is_the_failure_of_its_case(project: Any, text: Any) -> None:
    written(project, '@pytest.mark.harness_sweep(kinds="empty-stop", modes=["once"])')
    shown = text(project.run(passed=1, failed=1))
    assert "WRONG" in shown
    assert "no-partial-success: returned \"its own check failed: assert '' == 're: hello'" in shown


def test_workers_share_the_cases(project: Any) -> None:
    written(project, MARK)
    project.run_apart("-n", "2", passed=3)


def test_async_tests_are_swept_and_cancelled(project: Any, text: Any) -> None:
    body = """
    class ModelError(Exception):
        pass

    @pytest.mark.asyncio
    @pytest.mark.harness
    {mark}
    async def test_ask():
        try:
            answer = await aask("hello")
        except Exception as error:
            raise ModelError from error
        assert answer == "re: hello"
    """
    written(project, '@pytest.mark.harness_sweep(contract=[ModelError], kinds="cancel connect-refused")', body)
    shown = text(project.run_apart("-v"))
    assert "test_ask[call=1/chunk=1/kind=cancel] PASSED" in shown
    assert "test_ask[call=1/await=1/kind=cancel] PASSED" in shown
    assert "kind=connect-refused] PASSED" in shown
    assert "FAILED" not in shown


@pytest.mark.parametrize(
    "mark, body, complaint",
    [
        ('@pytest.mark.harness_sweep(kinds="no-such-fault")', CAREFUL, "no fault, pattern or phase is called"),
        ('@pytest.mark.harness_sweep(invariants="no-hangs")', CAREFUL, "no checker is called 'no-hangs'. Did you mean"),
        (MARK, CAREFUL.replace("def test_ask():", "def test_ask():\n    import uuid; ask(uuid.uuid4().hex)"), "fails"),
        (MARK, CAREFUL.replace("== ", "!= "), "fails without any fault"),
        ('@pytest.mark.harness_sweep(modes=["twice"])', CAREFUL, "the modes are once, persistent"),
        ("@pytest.mark.harness_sweep(modes=[])", CAREFUL, "the modes are once, persistent"),
        ('@pytest.mark.harness_sweep(contract=["ModelError"])', CAREFUL, "contract holds 'ModelError', which is no"),
        ('@pytest.mark.harness_sweep(budget="3")', CAREFUL, "budget='3': say how many points"),
        ('@pytest.mark.harness_sweep(cancel="stop")', CAREFUL, "cancel='stop': say a function"),
    ],
)
def test_what_cannot_be_swept_says_so_before_any_case_runs(
    project: Any, text: Any, mark: str, body: str, complaint: str
) -> None:
    project.write("test_a.py", CAREFUL.format(mark=""))
    project.run("--harness-record=once", passed=1)
    project.write("test_a.py", body.format(mark=mark))
    shown = text(project.run(failed=1))
    assert complaint in shown
    assert "kind=" not in shown


@pytest.mark.parametrize(
    "asked",
    [
        ["--harness-sweep"],
        ["-n", "2", "--harness-sweep"],
        ["--harness-case", CASES[0]],
        [f"test_a.py::test_ask[{CASES[0]}]"],
    ],
)
def test_a_run_that_records_refuses_to_sweep(project: Any, asked: list[str]) -> None:
    written(project, MARK)
    result = project.run("--harness-record=once", *asked)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*this run records (mode once), and a sweep breaks what was recorded*"])
    project.run("--harness-record=once", passed=1)  # a marker alone waits for its turn


UNSEEN = """
import harness

def test_it_replays_by_itself():
    with harness.replay(lambda prompt: "yo") as session:
        assert session.backend().complete([{"role": "user", "content": "hi"}]).narrative_text == "yo"
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_a_sweep_of_nothing_is_no_success(project: Any, text: Any, workers: list[str]) -> None:
    project.write("test_a.py", UNSEEN)
    project.run(passed=1)
    shown = text(project.run_apart("--harness-sweep", *workers, passed=1, failed=1))
    assert "--harness-sweep: this test does not replay by the marker harness or by a fixture of ours" in shown


def test_a_keyword_that_is_none_is_refused(project: Any, text: Any) -> None:
    project.write("test_a.py", CAREFUL.format(mark="@pytest.mark.harness_sweep(kind='reset')"))
    assert "@pytest.mark.harness_sweep does not take kind; it takes kinds, tier" in text(project.run())


def test_each_parameter_is_swept_and_its_cases_have_its_name(project: Any, text: Any) -> None:
    body = CAREFUL.replace("{mark}", '{mark}\n@pytest.mark.parametrize("word", ["a", "b"])').replace(
        "def test_ask():", "def test_ask(word):"
    )
    project.write(
        "test_a.py", body.replace('"hello"', "word").replace('"re: hello"', 'f"re: {{word}}"').format(mark=MARK)
    )
    project.run("--harness-record=once", passed=2)
    shown = text(project.run("-v", passed=6))
    assert f"test_a.py::test_ask[b-{CASES[0]}] PASSED" in shown
    project.run(f"test_a.py::test_ask[a-{CASES[1]}]", passed=1)


def test_a_method_of_a_class_is_swept(project: Any) -> None:
    head, function = CAREFUL.split("@pytest.mark.harness\n")
    method = "\n".join(f"    {line}" for line in f"@pytest.mark.harness\n{function}".splitlines())
    written(project, MARK, f"{head}class TestIt:\n{method.replace('test_ask()', 'test_ask(self)')}\n")
    project.run(passed=3)


def test_a_case_that_was_asked_for_and_strikes_nothing_fails(project: Any, text: Any) -> None:
    written(project, MARK)
    shown = text(project.run("--harness-case=call=7/headers/kind=reset-before-headers", failed=1))
    assert "call=7/headers/kind=reset-before-headers found nothing to strike" in shown


def test_a_case_that_is_none_is_refused(project: Any, text: Any) -> None:
    written(project, MARK)
    assert "'somewhere' is no case" in text(project.run("--harness-case=somewhere"))
    shown = text(project.run("--harness-case", "call=1/chunk=1/kind=no-such-fault"))
    assert "cannot be run: no fault is called 'no-such-fault'" in shown


def test_a_test_without_a_recording_cannot_be_swept(project: Any, text: Any) -> None:
    project.write("test_a.py", "@pytest.mark.harness_sweep\ndef test_ask():\n    pass\n")
    assert "opened no session that replays" in text(project.run(failed=1))


TWICE = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        if report.failed:
            report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
    item._initrequest()
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True

def pytest_report_teststatus(report):
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
"""


def test_a_case_that_a_plugin_runs_once_more_is_struck_and_judged_anew(project: Any, text: Any) -> None:
    """As the plugins do that give a test that fails another chance."""
    body = CAREFUL.replace("raise ModelError", "return ''; raise ModelError")
    written(project, '@pytest.mark.harness_sweep(kinds="connect-refused", modes=["once"])', body)
    project.write("twice.py", TWICE)
    shown = text(project.run("-p", "twice", passed=1, failed=1))
    assert "test_a.py::test_ask: 1 cases" in shown
    assert 'no-partial-success: returned "its own check failed' in shown
    assert "reusable-after-fault" not in shown
