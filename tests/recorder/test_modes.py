"""The four record modes, with vcrpy's meaning, against a real server on loopback."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import CassetteError, CassetteNotFoundError, CassetteWriteError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "talk.yaml"


def test_once_records_where_there_is_nothing_and_plays_where_there_is(upstream: Any, path: Path) -> None:
    for _ in range(2):
        with harness.record(path, mode="once"):
            assert upstream.ask("hi") == "1: hi"
    assert upstream.asked == 1


def test_once_with_a_cassette_never_goes_live(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
    with pytest.raises(harness.Miss), harness.record(path):
        upstream.ask("something else")
    assert upstream.asked == 1


def test_none_never_goes_live(upstream: Any, path: Path) -> None:
    with pytest.raises(CassetteNotFoundError, match=r"talk\.yaml"):
        harness.record(path, mode="none")
    assert upstream.asked == 0


def test_new_episodes_plays_what_is_there_and_records_the_rest(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
    with harness.record(path, mode="new_episodes"):
        assert [upstream.ask("hi"), upstream.ask("and now")] == ["1: hi", "2: and now"]
    assert [it.prompt.text for it in harness.load(path)] == ["hi", "and now"]


def test_all_asks_again_and_replaces_what_was_asked_again(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
        upstream.ask("kept")
    with harness.record(path, mode="all"):
        assert upstream.ask("hi") == "3: hi"
    assert [it.reply.text for it in harness.load(path)] == ["3: hi", "2: kept"]


def test_rewrite_forgets_what_was_there(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
    with harness.record(path, mode="rewrite"):
        upstream.ask("new")
    assert [it.reply.text for it in harness.load(path)] == ["2: new"]


def test_the_same_request_twice_plays_the_two_recordings_in_order(upstream: Any, path: Path) -> None:
    with harness.record(path):
        assert [upstream.ask("hi"), upstream.ask("hi")] == ["1: hi", "2: hi"]
    with harness.replay(path):
        assert [upstream.ask("hi"), upstream.ask("hi")] == ["1: hi", "2: hi"]


def test_a_third_time_is_a_miss_unless_repeating_was_asked_for(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
    with pytest.raises(harness.Miss, match="played already"), harness.replay(path):
        upstream.ask("hi")
        upstream.ask("hi")
    with harness.replay(path, on_exhausted="repeat"):
        assert upstream.ask("hi") == upstream.ask("hi") == "1: hi"


def test_a_failed_run_leaves_the_cassette_alone_and_keeps_what_it_heard_aside(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), harness.record(path, mode="rewrite"):
        upstream.ask("broken")
        _ = 1 / 0
    assert path.read_bytes() == before
    aside = harness.load(path.with_name("talk.failed.yaml"))
    assert [it.prompt.text for it in aside] == ["broken"]


def test_a_run_without_calls_says_that_none_is_expected(upstream: Any, path: Path) -> None:
    with harness.record(path):
        pass
    assert b"interactions: []" in path.read_bytes()
    with harness.replay(path) as session:
        pass
    assert len(session.history) == 0


def test_an_unreadable_cassette_is_never_taken_for_an_empty_one(upstream: Any, path: Path) -> None:
    path.parent.mkdir()
    for broken in (b"", b"interactions:\n- request: {method", b"[1, 2]"):
        path.write_bytes(broken)
        with pytest.raises(CassetteError):
            harness.record(path, mode="once")
        assert path.read_bytes() == broken


def test_a_replay_never_writes(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
    before = path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())
    with harness.replay(path):
        upstream.ask("hi")
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())) == before


def test_a_key_never_reaches_the_disk_and_a_dummy_key_replays(upstream: Any, path: Path) -> None:
    real = "sk-proj-" + "Ab3" * 16
    with harness.record(path):
        upstream.ask(f"my key is {real}", authorization=f"Bearer {real}", cookie="session=" + "9" * 30)
    written = path.read_text()
    assert real not in written
    assert "9" * 30 not in written
    with harness.replay(path):
        heard = upstream.ask("my key is " + real, authorization="Bearer x")
    assert real not in heard


def test_an_unknown_mode_lists_the_known_ones(path: Path) -> None:
    with pytest.raises(ValueError, match="none, once, new_episodes, all, rewrite"):
        harness.record(path, mode="twice")


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all", "rewrite"])
def test_a_name_that_is_no_yaml_is_refused_before_anything_is_asked(upstream: Any, tmp_path: Path, mode: str) -> None:
    with pytest.raises(CassetteWriteError, match=r"Name it 'talk\.yaml'"):
        harness.record(tmp_path / "talk.json", mode=mode)
    assert upstream.asked == 0
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_stays_where_it_was_when_the_session_was_opened(
    upstream: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name, mistake in (("kept", ""), ("broken", "the test's own")):
        monkeypatch.chdir(tmp_path)
        with suppress(RuntimeError), harness.record(f"{name}.yaml"):
            monkeypatch.chdir("elsewhere")
            upstream.ask("hi")
            if mistake:
                raise RuntimeError(mistake)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.failed.yaml", "elsewhere", "kept.yaml"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
