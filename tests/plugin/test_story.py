"""The main story: record against a live model, replay offline, and every way in which a change is noticed."""

from __future__ import annotations

from typing import Any


def test_recorded_once_replayed_offline_for_ever(project: Any, model: Any, text: Any) -> None:
    project.write(
        "test_refund.py",
        """
        @pytest.mark.harness
        def test_ask():
            assert ask("hello") == "re: hello"

        def test_two(replay):
            session = replay()
            assert [ask("one"), ask("two")] == ["re: one", "re: two"]
            assert len(session.history) == 2
        """,
    )
    missing = text(project.run(errors=1, failed=1))
    assert "cassettes/test_refund/test_ask.yaml: there is no cassette for test_refund.py::test_ask" in missing
    assert "pytest test_refund.py::test_ask --harness-record=once" in missing
    assert model.asked == []

    recorded = text(project.run("--harness-record=once", passed=2))
    assert "recorded cassettes/test_refund/test_two.yaml: 2 interactions" in recorded
    assert project.cassettes() == {
        "cassettes/test_refund/test_ask.yaml": ["hello"],
        "cassettes/test_refund/test_two.yaml": ["one", "two"],
    }
    assert model.asked == ["hello", "one", "two"]

    before = {path: path.read_bytes() for path in project.root.rglob("*.yaml")}
    for _ in range(2):
        project.run(passed=2)
    project.run("--harness-record=once", passed=2)
    assert model.asked == ["hello", "one", "two"], "a replay calls nobody"
    assert before == {path: path.read_bytes() for path in project.root.rglob("*.yaml")}, "a replay writes nothing"


def test_a_changed_prompt_is_a_miss_that_says_what_changed(project: Any, model: Any, text: Any) -> None:
    test = '@pytest.mark.harness\ndef test_ask():\n    ask("What is the capital of {}?")\n'
    project.write("test_a.py", test.format("France"))
    project.run("--harness-record=once", passed=1)
    project.write("test_a.py", test.format("Spain"))
    shown = text(project.run(failed=1))
    assert "$.messages[0].content: recorded '…France?', asked '…Spain?'" in shown
    assert "source: cassettes/test_a/test_ask.yaml" in shown
    assert "next: record it anew: pytest test_a.py::test_ask --harness-record=rewrite" in shown
    assert "Captured harness transcript call" in shown
    assert "/harness/engine/" not in shown, "the traceback shows the test's lines, not ours"
    assert model.asked == ["What is the capital of France?"]
    project.run("--harness-record=rewrite", passed=1)
    project.run(passed=1)
    assert project.cassettes() == {"cassettes/test_a/test_ask.yaml": ["What is the capital of Spain?"]}


def test_an_answer_that_nobody_asked_for_fails(project: Any, text: Any) -> None:
    project.write("test_a.py", '@pytest.mark.harness\ndef test_ask():\n    ask("one")\n    ask("two")\n')
    project.run("--harness-record=once", passed=1)
    project.write("test_a.py", '@pytest.mark.harness\ndef test_ask():\n    ask("one")\n')
    shown = text(project.run(passed=1, errors=1))
    assert "1 of 2 answers" in shown
    assert "#2 POST" in shown
    project.run("--harness-unplayed=ignore", passed=1)
    warned = project.run("-W", "default", "--harness-unplayed=warn")
    warned.assert_outcomes(passed=1, warnings=1)


def test_a_test_that_replays_and_asks_nothing_fails(project: Any, text: Any) -> None:
    project.write("test_a.py", '@pytest.mark.harness\ndef test_ask():\n    ask("one")\n')
    project.run("--harness-record=once", passed=1)
    project.write("test_a.py", "@pytest.mark.harness\ndef test_ask():\n    pass\n")
    assert "nothing was asked of" in text(project.run(passed=1, errors=1))


def test_a_test_that_makes_no_call_records_that_and_replays(project: Any) -> None:
    project.write("test_a.py", "@pytest.mark.harness\ndef test_ask():\n    pass\n")
    project.run("--harness-record=once", passed=1)
    assert project.cassettes() == {"cassettes/test_a/test_ask.yaml": []}
    project.run(passed=1)


def test_the_marker_works_on_functions_classes_modules_and_test_cases(project: Any) -> None:
    project.write(
        "test_a.py",
        """
        import unittest
        pytestmark = pytest.mark.harness

        def test_function():
            ask("function")

        class TestClass:
            def test_method(self, replay):
                ask("method")
                assert len(replay().history) == 1

        class Case(unittest.TestCase):
            def test_case(self):
                ask("case")
                assert len(self.harness_session.history) == 1
        """,
    )
    project.write(
        "test_b.py",
        """
        @pytest.mark.harness
        class TestMarked:
            @pytest.mark.parametrize("word", ["a/b", "c"])
            def test_it(self, word):
                ask(word)
        """,
    )
    project.run("--harness-record=once", passed=5)
    project.run(passed=5)
    assert sorted(project.cassettes()) == [
        "cassettes/test_a/Case.test_case.yaml",
        "cassettes/test_a/TestClass.test_method.yaml",
        "cassettes/test_a/test_function.yaml",
        "cassettes/test_b/TestMarked.test_it[a-b]-7a60f101.yaml",
        "cassettes/test_b/TestMarked.test_it[c].yaml",
    ]


def test_named_cassettes_and_paths(project: Any) -> None:
    project.write(
        "deep/test_a.py",
        """
        @pytest.mark.harness("greeting")
        def test_named():
            ask("named")

        @pytest.mark.harness(cassette="data/path.yaml")
        def test_path():
            ask("path")

        def test_two_at_once(replay):
            first, second = replay("first"), replay("second")
            ask("of the second")
        """,
    )
    project.run("--harness-record=once")
    assert project.cassettes() == {
        "deep/cassettes/test_a/first.yaml": [],
        "deep/cassettes/test_a/greeting.yaml": ["named"],
        "deep/cassettes/test_a/second.yaml": ["of the second"],
        "deep/data/path.yaml": ["path"],
    }
    project.run(passed=3)


def test_a_function_and_a_cassette_answer_too(project: Any, model: Any) -> None:
    project.write(
        "test_a.py",
        """
        def test_function(replay):
            backend = replay(lambda prompt: "said " + prompt.text).backend()
            assert backend.complete([{"role": "user", "content": "hi"}]).narrative_text == "said hi"
        """,
    )
    project.run(passed=1)
    assert model.asked == []


def test_a_snapshot_of_the_transcript_is_updated_by_syrupy(project: Any, text: Any) -> None:
    test = """
        @pytest.mark.harness
        def test_ask(replay, transcript_snapshot):
            answer = ask("{}")
            assert replay().transcript() == transcript_snapshot
            assert {{"answer": answer, "tokens": ["a", "b"]}} == transcript_snapshot
        """
    project.write("test_a.py", test.format("hello"))
    project.run("--harness-record=once", "--snapshot-update", passed=1)
    assert 'user "hello"' in (project.root / "__snapshots__" / "test_a.ambr").read_text()
    project.run(passed=1)
    project.write("test_a.py", test.format("goodbye"))
    shown = text(project.run("--harness-record=rewrite", failed=1))
    assert 'user "goodbye"' in shown
    project.run("--harness-record=rewrite", "--snapshot-update", passed=1)
    project.run(passed=1)


def test_an_empty_transcript_is_no_snapshot(project: Any, text: Any) -> None:
    project.write("test_a.py", "def test_ask(transcript_snapshot):\n    assert '' == transcript_snapshot\n")
    assert "the transcript is empty" in text(project.run("--snapshot-update", failed=1))


def test_sessions_shared_by_a_class_a_module_and_a_run(project: Any) -> None:
    project.write(
        "test_a.py",
        """
        class TestIt:
            def test_one(self, replay_class):
                replay_class()
                ask("class one")

            def test_two(self, replay_class):
                replay_class()
                ask("class two")

        @pytest.fixture(scope="module")
        def session(replay_module):
            return replay_module()

        def test_three(session):
            ask("module one")

        def test_four(session):
            ask("module two")
            assert len(session.history) == 2
        """,
    )
    project.write("test_b.py", 'def test_five(replay_session):\n    replay_session()\n    ask("run")\n')
    project.run("--harness-record=once", passed=5)
    assert project.cassettes() == {
        "cassettes/session.yaml": ["run"],
        "cassettes/test_a/TestIt.yaml": ["class one", "class two"],
        "cassettes/test_a/test_a.yaml": ["module one", "module two"],
    }
    project.run(passed=5)


def test_a_fixture_that_is_never_called_is_no_replay(project: Any, text: Any) -> None:
    project.write(
        "test_a.py",
        """
        import unittest

        def test_goes_live(replay):
            ask("hello")

        @pytest.mark.usefixtures("replay_class")
        class TestWide:
            def test_goes_live(self):
                ask("hello")

        @pytest.fixture
        def answers(replay):
            return replay

        def test_may_need_none(answers):
            pass

        @pytest.mark.harness
        def test_has_one(replay):
            pass

        @pytest.fixture(scope="module")
        def opened(replay_module):
            return replay_module(lambda prompt: "hello")

        def test_is_opened_by_another(opened, replay_module):
            assert len(replay_module.sessions) == 1
            ask("hello")
        """,
    )
    shown = text(project.run("--harness-record=once", passed=3, failed=2))
    assert "test_a.py::test_goes_live takes the fixture replay and never called it: no session was open" in shown
    assert "next: call it, as in session = replay(), or mark the test with @pytest.mark.harness" in shown
    assert "takes the fixture replay_class and never called it" in shown
