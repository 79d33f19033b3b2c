"""What a run may write: who decides, what is kept, and how tests share a cassette."""

from __future__ import annotations

from typing import Any

import pytest

ASK = '@pytest.mark.harness\ndef test_ask():\n    assert ask("hello") == "re: hello"\n'


def test_nothing_is_recorded_unless_somebody_says_so(project: Any, model: Any) -> None:
    project.write("test_a.py", ASK)
    project.run(errors=1)
    assert model.asked == []
    assert project.cassettes() == {}


@pytest.mark.parametrize("how", ["option", "variable", "marker", "fixture", "project"])
def test_who_may_say_so(project: Any, how: str) -> None:
    project.write("test_a.py", ASK.replace("harness\n", 'harness(mode="once")\n', 1) if how == "marker" else ASK)
    if how == "variable":
        project.setenv("HARNESS_RECORD", "once")
    if how == "fixture":
        project.write(
            "conftest.py", 'import pytest\n\n@pytest.fixture\ndef harness_config():\n    return {"mode": "once"}\n'
        )
    if how == "project":
        project.configure('[tool.harness]\nmode = "once"\n')
    project.run(*(["--harness-record=once"] if how == "option" else []), passed=1)
    assert list(project.cassettes()) == ["cassettes/test_a/test_ask.yaml"]


def test_the_option_is_stronger_than_the_variable_and_that_than_the_marker(project: Any) -> None:
    project.write("test_a.py", ASK.replace("harness\n", 'harness(mode="once")\n', 1))
    project.setenv("HARNESS_RECORD", "none")
    project.run(errors=1)
    project.setenv("HARNESS_RECORD", "once")
    project.run("--harness-record=none", errors=1)
    project.run(passed=1)


def test_in_ci_only_the_option_and_the_variable_may_record(project: Any) -> None:
    project.setenv("CI", "true")
    project.write("test_a.py", ASK.replace("harness\n", 'harness(mode="once")\n', 1))
    project.run(errors=1)
    project.run("--harness-record=once", passed=1)


def test_a_wrong_mode_is_refused(project: Any, text: Any) -> None:
    project.write("test_a.py", ASK)
    project.setenv("HARNESS_RECORD", "always")
    assert "HARNESS_RECORD=always is no record mode" in text(project.run())


def test_new_episodes_adds_and_all_replaces(project: Any) -> None:
    test = "@pytest.mark.harness\ndef test_ask():\n{}"
    project.write("test_a.py", test.format('    ask("one")\n'))
    project.run("--harness-record=once", passed=1)
    project.write("test_a.py", test.format('    ask("one")\n    ask("two")\n'))
    project.run("--harness-record=new_episodes", passed=1)
    assert project.cassettes() == {"cassettes/test_a/test_ask.yaml": ["one", "two"]}
    project.run("--harness-record=all", passed=1)
    assert project.cassettes() == {"cassettes/test_a/test_ask.yaml": ["one", "two"]}
    project.run(passed=1)


def test_the_cassette_of_a_failed_test_is_put_aside(project: Any, text: Any) -> None:
    project.write("test_a.py", ASK.replace('"re: hello"', '"else"'))
    shown = text(project.run("--harness-record=once", failed=1))
    assert "cassettes/test_a/test_ask.failed.yaml: 1 interaction of a failed test, kept aside" in shown
    assert project.cassettes() == {"cassettes/test_a/test_ask.failed.yaml": ["hello"]}


def test_a_failed_run_leaves_the_old_cassette_as_it_was(project: Any) -> None:
    project.write("test_a.py", ASK)
    project.run("--harness-record=once", passed=1)
    before = (project.root / "cassettes/test_a/test_ask.yaml").read_bytes()
    project.write("test_a.py", ASK.replace("hello", "other", 1))
    project.run("--harness-record=rewrite", failed=1)
    assert (project.root / "cassettes/test_a/test_ask.yaml").read_bytes() == before


def test_a_skipped_and_an_expected_failure_record_nothing(project: Any) -> None:
    project.write(
        "test_a.py",
        """
        @pytest.mark.harness
        def test_skipped():
            ask("hello")
            pytest.skip("later")

        @pytest.mark.xfail
        @pytest.mark.harness
        def test_expected():
            ask("hello")
            assert False
        """,
    )
    project.run("--harness-record=once", skipped=1, xfailed=1)
    assert "cassettes/test_a/test_skipped.yaml" not in project.cassettes()
    assert "cassettes/test_a/test_expected.yaml" not in project.cassettes()
    assert list(project.root.rglob("*.journal*")) == []


def test_what_a_killed_run_had_heard_can_be_recovered(project: Any, text: Any) -> None:
    project.write("test_a.py", '@pytest.mark.harness\ndef test_ask():\n    ask("hello")\n    os._exit(9)\n')
    project.run_apart("--harness-record=once")
    assert [path.name for path in project.root.rglob("*.journal*")] == ["test_ask.yaml.journal"]
    assert "harness recover" in text(project.run("--harness-record=once", errors=1)), "and it is not overwritten"


def test_a_test_that_runs_once_more_is_judged_anew(project: Any) -> None:
    project.write(
        "conftest.py",
        """
        import pytest
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                runtestprotocol(item, nextitem=nextitem)
            return True

        @pytest.fixture
        def breaks_the_second_time(_runs=[]):
            _runs.append(1)
            assert len(_runs) == 1
        """,
    )
    project.write("test_a.py", "@pytest.mark.harness\ndef test_ask(breaks_the_second_time):\n    ask('hello')\n")
    project.run("--harness-record=once", passed=1, errors=1)
    assert project.cassettes() == {"cassettes/test_a/test_ask.yaml": ["hello"]}, "what the first run kept stands"


def test_an_unreadable_cassette_is_an_error_and_stays(project: Any, model: Any) -> None:
    project.write("test_a.py", ASK)
    path = project.write("cassettes/test_a/test_ask.yaml", "interactions: [")
    for mode in ("none", "once", "new_episodes", "all"):
        project.run(f"--harness-record={mode}", errors=1)
    assert path.read_text() == "interactions: ["
    assert model.asked == []


SHARED = """
    @pytest.mark.harness("shared")
    def test_one():
        ask("one")

    @pytest.mark.harness("shared")
    def test_two():
        ask("two")

    @pytest.mark.harness("shared")
    def test_three():
        ask("three")
    """


def test_tests_that_share_a_new_cassette_all_record(project: Any, model: Any) -> None:
    project.write("test_a.py", SHARED)
    project.run("--harness-record=once", passed=3)
    assert project.cassettes() == {"cassettes/test_a/shared.yaml": ["one", "two", "three"]}
    project.run("--harness-record=once", passed=3)
    project.run(passed=3)
    assert model.asked == ["one", "two", "three"]


def test_the_parts_are_in_the_order_of_collection_whatever_ran_first(project: Any) -> None:
    project.write("test_a.py", SHARED)
    project.write("conftest.py", "def pytest_collection_modifyitems(items):\n    items.reverse()\n")
    project.run("--harness-record=once", passed=3)
    assert project.cassettes() == {"cassettes/test_a/shared.yaml": ["one", "two", "three"]}


def test_what_two_tests_ask_alike_is_kept_once(project: Any, model: Any) -> None:
    project.write(
        "test_a.py",
        """
        @pytest.mark.harness("shared")
        def test_one():
            ask("same")

        @pytest.mark.harness("shared")
        def test_two():
            ask("same")
            ask("same")
            ask("more")

        def test_three(replay):
            replay("alike")
            ask("same")

        def test_four(replay):
            replay("alike")
            ask("same")
        """,
    )
    project.run("--harness-record=once", passed=4)
    assert project.cassettes() == {
        "cassettes/test_a/alike.yaml": ["same"],
        "cassettes/test_a/shared.yaml": ["same", "same", "more"],
    }
    assert project.run(passed=4).ret == pytest.ExitCode.OK, "a recording that was just made replays"
    assert len(model.asked) == 6


def test_a_cassette_that_tests_open_by_name_is_judged_when_all_have_run(project: Any, text: Any) -> None:
    project.write(
        "test_a.py",
        """
        @pytest.mark.parametrize("word", ["one", "two"])
        def test_each(replay, word):
            replay("talk")
            ask(word)

        def test_last(replay):
            replay("talk")
            ask("three")
        """,
    )
    project.run("--harness-record=once", passed=3)
    for part in ([], ["-k", "last"], ["test_a.py::test_last"]):
        assert project.run(*part).ret == pytest.ExitCode.OK, "a recording that was just made replays"
    project.write("test_a.py", (project.root / "test_a.py").read_text().replace('ask("three")', 'ask("two")'))
    shown = text(project.run(passed=3))
    assert "talk.yaml: not asked for by any of the 3 tests that share it" in shown


def test_a_shared_cassette_can_be_recorded_anew(project: Any) -> None:
    project.write("test_a.py", SHARED)
    project.run("--harness-record=once", passed=3)
    project.write("test_a.py", SHARED.replace('"two")\n', '"two and a half")\n'))
    project.run("--harness-record=rewrite", passed=3)
    assert project.cassettes() == {"cassettes/test_a/shared.yaml": ["one", "two and a half", "three"]}


def test_what_is_left_over_of_a_shared_cassette_is_judged_at_the_end_of_the_run(project: Any, text: Any) -> None:
    project.write("test_a.py", SHARED)
    project.run("--harness-record=once", passed=3)
    project.write("test_a.py", SHARED.replace('        ask("three")', '        ask("one")'))
    result = project.run(passed=3)
    shown = text(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "shared.yaml: not asked for by any of the 3 tests that share it" in shown
    assert "#3 POST" in shown
    assert project.run("--harness-unplayed=ignore", passed=3).ret == pytest.ExitCode.OK
    for part in (["-k", "one"], ["test_a.py::test_one"]):
        assert project.run(*part).ret == pytest.ExitCode.OK, "a part of the users cannot tell"


def test_a_test_that_shares_a_cassette_and_asks_nothing_fails(project: Any, text: Any) -> None:
    project.write("test_a.py", SHARED)
    project.run("--harness-record=once", passed=3)
    project.write("test_a.py", SHARED.replace('        ask("three")', "        pass"))
    assert "nothing was asked of" in text(project.run(passed=3, errors=1))


def test_two_tests_whose_files_differ_in_case_only_are_refused(project: Any, text: Any) -> None:
    project.write(
        "test_a.py",
        """
        @pytest.mark.harness
        def test_ask():
            ask("one")

        @pytest.mark.harness
        def test_ASK():
            ask("two")
        """,
    )
    shown = text(project.run("--harness-record=once", passed=1, errors=1))
    assert "two tests have one cassette: test_a.py::test_ASK" in shown


def test_the_folder_can_be_configured(project: Any) -> None:
    project.configure('[tool.harness]\ncassette_dir = "cassettes"\n')
    project.write("tests/deep/test_a.py", ASK)
    project.write("tests/test_b.py", ASK.replace("harness\n", 'harness("demo")\n', 1))
    project.run("--harness-record=once", passed=2)
    (project.root / "cassettes/test_b/demo.yaml").rename(project.root / "cassettes/demo.yaml")
    assert list(project.cassettes()) == ["cassettes/demo.yaml", "cassettes/test_a/test_ask.yaml"]
    project.run(passed=2)
