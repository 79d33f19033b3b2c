"""Scenarios that name a driver are tests of their own, and a marker runs a test once for each case."""

from __future__ import annotations

import pytest

DRIVER = """
async def headline(ctx):
    result = await ctx.backend(timeout=30).generate("What is the weather?")
    return result.text.upper()
"""
SCENARIO = """
harness: 1
name: weather
driver: app:headline
calls:
  - id: ask
    when: {user: {contains: weather}}
    reply: {text: "sunny"}
expect: {result: {equals: SUNNY}}
cases:
  - id: slow
    reply: {text: "foggy", timing: {ttft: 10s}}
    expect: {result: {equals: FOGGY}, virtual_time: {min: 10s, max: 11s}}
  - id: wrong
    reply: {text: "rain"}
  - id: later
    skip: nobody has written it yet
  - id: known
    reply: {text: "rain"}
    xfail: it shouts
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(app=DRIVER)
    (pytester.path / "scenarios").mkdir()
    (pytester.path / "scenarios" / "weather.yaml").write_text(SCENARIO, "utf-8")
    (pytester.path / "scenarios" / "compose.yaml").write_text("services: {app: {image: x}}\n", "utf-8")
    return pytester


def test_every_case_is_a_test(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("-rA", "scenarios")
    result.assert_outcomes(passed=2, failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "*weather.yaml:9:*expect.result: wants equals 'SUNNY', was 'RAIN'*",
            "*again: harness run scenarios/weather.yaml --case wrong",
            "*pytest 'scenarios/weather.yaml::wrong'",
        ]
    )
    result.stdout.fnmatch_lines(["*harness transcript*", "scenario weather.yaml*"])
    result.stdout.no_fnmatch_line("*compose*")


def test_one_case_can_be_chosen_and_workers_share_them(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("scenarios/weather.yaml::slow").assert_outcomes(passed=1)
    project.runpytest_subprocess("scenarios", "-k", "scenario and not wrong", "-n", "2").assert_outcomes(
        passed=2, skipped=1, xfailed=1
    )


def test_a_file_with_mistakes_is_an_error_with_its_lines(project: pytest.Pytester) -> None:
    path = project.path / "scenarios" / "weather.yaml"
    path.write_text(SCENARIO.replace("contains:", "contain:"), "utf-8")
    result = project.runpytest_subprocess("scenarios")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*  scenarios/weather.yaml:7:*Did you mean 'contains'*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_collection_can_be_switched_off(project: pytest.Pytester) -> None:
    project.makepyprojecttoml("[tool.harness]\ncollect_scenarios = false\n")
    assert project.runpytest_subprocess("scenarios").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_marker_runs_a_test_for_each_case_or_for_those_named(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_all="""
        import asyncio
        import pytest
        from app import headline

        class Ctx:
            def __init__(self, session):
                self.backend = session.backend

        @pytest.mark.harness(scenario="weather", case="*")
        def test_any(replay):
            assert asyncio.run(headline(Ctx(replay()))) in {"SUNNY", "FOGGY", "RAIN"}

        @pytest.mark.harness(scenario="weather", case=["slow", "wrong"])
        def test_two(replay):
            assert asyncio.run(headline(Ctx(replay()))) in {"FOGGY", "RAIN"}
        """
    )
    result = project.runpytest_subprocess("-v", "test_all.py")
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["*test_any?scenario?*", "*test_any?slow?*", "*test_two?slow?*", "*test_two?wrong?*"])


def test_a_case_that_is_not_there_is_named(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_all="""
        import pytest

        @pytest.mark.harness(scenario="weather", case=["slwo"])
        def test_any(replay):
            replay()
        """
    )
    result = project.runpytest_subprocess("test_all.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no case is called 'slwo'. Did you mean 'slow'*"])


def test_each_combination_of_a_matrix_is_a_test(project: pytest.Pytester) -> None:
    file = project.path / "scenarios" / "many.yaml"
    file.write_text(
        """
harness: 1
name: many
driver: app:headline
matrix: {word: [sunny, foggy], slow: [true, false]}
state: {asked: 0}
calls:
  - {id: ask, reply: {text: "${word}${slow}"}, set: {asked: "+1"}}
expect: {state: {asked: 1}, result: {startswith: SUNNY}}
""",
        "utf-8",
    )
    result = project.runpytest_subprocess("-rA", "scenarios/many.yaml")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines_random(["PASSED *many.yaml::sunny-no-slow", "FAILED *many.yaml::foggy-slow*"])


def test_a_predicate_comes_from_the_marker(project: pytest.Pytester) -> None:
    (project.path / "scenarios" / "polite.yaml").write_text(
        """
harness: 1
name: polite
calls:
  - {id: a, when: {predicate: polite}, reply: {text: "you are welcome"}}
  - {id: b, reply: {text: "well"}}
""",
        "utf-8",
    )
    project.makepyfile(
        test_polite="""
        import pytest

        def polite(prompt):
            return "please" in prompt.text

        @pytest.mark.harness(scenario="polite", predicates={"polite": polite})
        def test_both(replay):
            backend = replay().backend()
            said = [backend.complete([{"role": "user", "content": text}]).narrative_text for text in ("please", "now")]
            assert said == ["you are welcome", "well"]
        """
    )
    project.runpytest_subprocess("test_polite.py").assert_outcomes(passed=1)
