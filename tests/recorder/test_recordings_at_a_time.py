"""Several processes record one cassette, and one of them ends while another begins: nothing of it is an orphan."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.engine import Entry, Mode, Take
from harness.matching import Rules
from harness.model import ZERO, Headers, Request
from harness.recorder import Recorder, _journal

ASK = Request("POST", "https://api.example/v1/x", Headers(()), b"{}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "talk.yaml"


def recording(path: Path) -> Recorder:
    """One that has asked something, and so has a journal."""
    made = Recorder(path, Mode.NEW_EPISODES, Rules())
    made.follow(Take(ASK, Entry(1, 1, ASK, ZERO)))
    assert path.with_name("talk.yaml.journal").read_bytes().count(b"\nask ") == 1
    return made


def afterwards(function: Callable[..., Any], then: Callable[[], object]) -> Callable[..., Any]:
    def both(*args: Any, **options: Any) -> Any:
        found = function(*args, **options)
        then()
        return found

    return both


def beforehand(function: Callable[..., Any], first: Callable[[], object]) -> Callable[..., Any]:
    def both(*args: Any, **options: Any) -> Any:
        first()
        return function(*args, **options)

    return both


def test_a_journal_that_was_deleted_since_it_was_listed_is_no_orphan(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = recording(path)
    monkeypatch.setattr(_journal, "journals", afterwards(_journal.journals, other._journal.discard))
    Recorder(path, Mode.NEW_EPISODES, Rules())
    assert list(path.parent.iterdir()) == []


def test_a_journal_that_was_deleted_since_it_was_opened_is_no_orphan(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = recording(path)
    monkeypatch.setattr(_journal, "claimed", beforehand(_journal.claimed, other._journal.discard))
    Recorder(path, Mode.NEW_EPISODES, Rules())
    assert list(path.parent.iterdir()) == []


def test_whoever_looks_for_orphans_does_not_keep_a_recording_from_its_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.with_name("talk.yaml.journal").write_bytes(b"")
    monkeypatch.setattr(_journal, "claimed", lambda *_, **__: pytest.fail("it was locked"))
    assert not _journal._is_orphan(path.with_name("talk.yaml.journal"))


def test_a_journal_that_is_deleted_while_another_is_opened_leaves_room_for_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one opened the file of the old one, which then went: a lock on it would protect nothing."""
    other = recording(path)
    monkeypatch.setattr(_journal, "claimed", beforehand(_journal.claimed, other._journal.discard))
    found, handle = _journal._opened(path)
    assert found.stat().st_size == 0
    assert _journal._is_at(found, handle)
    os.close(handle)
