"""Beside pytest-recording, pytest-xdist and plugins that are not there."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

ASK = '@pytest.mark.harness\ndef test_ask():\n    assert ask("hello") == "re: hello"\n'


def test_pytest_recording_works_beside_us(project: Any, model: Any) -> None:
    project.write(
        "test_a.py",
        """
        @pytest.mark.vcr
        def test_theirs():
            assert ask("theirs") == "re: theirs"

        @pytest.mark.harness
        def test_ours():
            assert ask("ours") == "re: ours"

        def test_plain():
            pass
        """,
    )
    project.run("--harness-record=once", "--record-mode=once", passed=3)
    project.run("--block-network", passed=3)
    assert sorted(project.cassettes()) == ["cassettes/test_a/test_ours.yaml", "cassettes/test_a/test_theirs.yaml"]
    assert model.asked == ["theirs", "ours"]


def test_what_pytest_recording_recorded_is_found_and_replayed(project: Any, model: Any) -> None:
    test = """
        @pytest.mark.{}
        class TestIt:
            @pytest.mark.parametrize("word", ["a/b", "c:d"])
            def test_ask(self, word):
                assert ask(word) == "re: " + word
        """
    project.write("test_a.py", test.format("vcr"))
    project.run("--record-mode=once", passed=2)
    project.write("test_a.py", test.format("harness"))
    project.run(passed=2)
    assert model.asked == ["a/b", "c:d"]


def test_what_we_recorded_is_found_and_replayed_by_pytest_recording(project: Any, model: Any) -> None:
    project.write("test_a.py", ASK)
    project.run("--harness-record=once", passed=1)
    project.write("test_a.py", ASK.replace("harness", "vcr", 1))
    project.run(passed=1)
    assert model.asked == ["hello"]


def test_both_markers_on_one_test_are_an_error(project: Any, text: Any) -> None:
    project.write("test_a.py", "@pytest.mark.vcr\n" + ASK + "\n@pytest.mark.vcr\ndef test_fixture(replay):\n    pass\n")
    shown = text(project.run("--record-mode=none", errors=2))
    assert "has the markers vcr and harness" in shown


SHARED = """
    @pytest.mark.parametrize("number", range(6))
    @pytest.mark.harness("shared")
    def test_ask(number):
        ask(f"number {number}")

    @pytest.mark.harness
    def test_alone():
        ask("alone")
    """


def test_xdist_workers_record_one_cassette_together(project: Any, text: Any) -> None:
    project.write("test_a.py", SHARED)
    lean = [word for name in ("recording", "asyncio", "anyio", "syrupy") for word in ("-p", f"no:{name}")]
    shown = text(project.run_apart(*lean, "-n2", "--harness-record=once", passed=7))
    assert "recorded cassettes/test_a/shared.yaml: 6 interactions" in shown
    assert project.cassettes() == {
        "cassettes/test_a/shared.yaml": [f"number {number}" for number in range(6)],
        "cassettes/test_a/test_alone.yaml": ["alone"],
    }
    project.write("test_a.py", SHARED.replace("range(6)", "range(5)"))
    result = project.run_apart(*lean, "-n2", passed=6)
    assert result.ret == 1
    assert "not asked for by any of the 5 tests that share it" in text(result)


def test_xdist_waits_in_real_time_while_a_shared_session_is_open(project: Any) -> None:
    project.write(
        "test_a.py",
        """
        import time

        @pytest.fixture(scope="session", autouse=True)
        def opened(replay_session):
            return replay_session(lambda prompt: "hello", unplayed="ignore")

        @pytest.mark.parametrize("number", range(12))
        def test_each(number):
            before = time.monotonic()
            time.sleep(60)
            assert time.monotonic() - before >= 60
            assert ask("hello") == "hello"
        """,
    )
    lean = [word for name in ("recording", "asyncio", "anyio", "syrupy") for word in ("-p", f"no:{name}")]
    project.run_apart(*lean, "-n2", "--maxschedchunk=1", passed=12)


def test_a_run_without_us_pays_for_nothing(project: Any) -> None:
    project.write("test_a.py", "def test_plain():\n    pass\n")
    project.write("test_a.py", "def test_plain():\n    pass\n")
    (project.root / "test_b.py").write_text(
        "import sys\n\ndef test_plain():\n"
        "    heavy = {'vcr', 'httpx', 'httpx2', 'yaml', 'harness.session', 'harness.storage', 'syrupy.session'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    project.run_apart("-p", "no:recording", "-p", "no:syrupy", "test_b.py", passed=1)


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import harness.pytest_plugin; print(*set(sys.modules) - before)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"asyncio", "vcr", "httpx", "httpx2", "yaml", "ssl", "syrupy", "harness.session", "harness.clock"}
    assert "harness.pytest_plugin" in loaded
    assert not heavy & set(loaded)


def test_without_syrupy_the_fixture_says_what_to_install(project: Any, text: Any) -> None:
    project.write("conftest.py", "import sys\n\nsys.modules['syrupy'] = None\n")
    project.write("test_a.py", "def test_ask(transcript_snapshot):\n    pass\n")
    shown = text(project.run_apart("-p", "no:syrupy", errors=1))
    assert "pip install 'replay-harness[pytest]'" in shown


def test_without_the_other_plugins_all_of_it_works(project: Any) -> None:
    project.write("test_a.py", ASK)
    alone = [word for name in ("recording", "asyncio", "anyio", "syrupy", "xdist") for word in ("-p", f"no:{name}")]
    project.run_apart(*alone, "--harness-record=once", passed=1)
    project.run_apart(*alone, passed=1)
