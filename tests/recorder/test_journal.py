"""The journal: on the disk before the consumer hears it, redacted, locked while it is written, gone when it is not
needed any more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.engine import Entry, Mode, Take
from harness.errors import CassetteChangedError, CassetteError, CassetteNotFoundError, CassetteWriteError
from harness.matching import Rules
from harness.model import ZERO, Chunk, End, Event, Head, Headers, Nanos, Request, Reset, TimedOut
from harness.recorder import Recorder, orphans, recover
from harness.recorder._journal import cassette_of, journals

KEY = "sk-proj-" + "Ab3" * 16
ASK = Request("POST", "https://api.example/v1/x", Headers((("authorization", f"Bearer {KEY}"),)), b'{"q": 1}')
HEAD = Head(200, Headers((("content-type", "text/plain"),)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "talk.yaml"


def recorder(path: Path, mode: Mode = Mode.ONCE) -> Recorder:
    return Recorder(path, mode, Rules())


def hear(recording: Recorder, *events: Event, request: Request = ASK) -> Take:
    """A take that heard `events`, a millisecond apart."""
    take = Take(request, Entry(1, 1, request, ZERO))
    recording.follow(take)
    take.sent(ZERO)
    for number, event in enumerate(events, 1):
        take.heard(Nanos(number * 1_000_000), event)
    return take


def crash(recording: Recorder) -> Path:
    """What the end of the process does: the lock is gone, the file stays."""
    journal = recording._journal.path
    assert journal is not None
    recording._journal.release()
    return journal


def test_every_event_is_in_the_file_before_the_next_one(path: Path) -> None:
    recording = recorder(path)
    take = hear(recording)
    journal = path.with_name("talk.yaml.journal")
    assert b'"method": "POST"' in journal.read_bytes()
    for number, event in enumerate([HEAD, Chunk(b"one\n"), Chunk(b"two\n"), End()], 1):
        before = journal.stat().st_size
        take.heard(Nanos(number), event)
        assert journal.stat().st_size > before
    assert b"one\n" in journal.read_bytes()


def test_it_is_gone_when_the_cassette_is_there(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
        assert [p.name for p in path.parent.iterdir()] == ["talk.yaml.journal"]
    assert [p.name for p in path.parent.iterdir()] == ["talk.yaml"]


def test_it_is_gone_when_a_failed_run_was_put_aside(upstream: Any, path: Path) -> None:
    with pytest.raises(ZeroDivisionError), harness.record(path):
        upstream.ask("hi")
        _ = 1 / 0
    assert [p.name for p in path.parent.iterdir()] == ["talk.failed.yaml"]


def test_a_session_that_asks_nothing_and_one_that_replays_write_none(upstream: Any, path: Path) -> None:
    with harness.record(path):
        assert not path.parent.exists()
    with harness.replay(path):
        assert [p.name for p in path.parent.iterdir()] == ["talk.yaml"]


def test_what_nobody_wants_is_forgotten(upstream: Any, path: Path) -> None:
    session = harness.record(path).start()
    upstream.ask("hi")
    session.stop()
    session.forget()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("cut", range(1, len(KEY) + 8, 7))
def test_a_key_that_is_split_over_two_chunks_never_reaches_the_disk(cut: int, path: Path) -> None:
    recording = recorder(path)
    data = f"it is {KEY}, really\n".encode()
    take = hear(recording, HEAD, Chunk(data[:cut]))
    journal = path.with_name("talk.yaml.journal")
    assert b"Ab3" not in journal.read_bytes()
    take.heard(Nanos(9_000_000), Chunk(data[cut:]))
    assert b"Ab3" not in journal.read_bytes()
    assert b"REDACTED-openai-key, really" in journal.read_bytes()
    crash(recording)
    assert [done.calls for done in recover(path)] == [1]
    (found,) = harness.load(path)
    assert found.timeline.body == b"it is REDACTED-openai-key, really\n"
    assert KEY not in path.read_text()


ENDS: list[list[Event]] = [
    [HEAD, Chunk(b"one "), Chunk(b"two\n"), End()],
    [HEAD, Chunk(b"\xff\xfe\x00"), Chunk(b"chunk 1 2 3\n" * 3), Reset("ReadError", "gone")],
    [Reset("ConnectError", "refused")],
    [TimedOut("read", "timed out")],
    [HEAD, TimedOut("read")],
    [],
]


@pytest.mark.parametrize("events", ENDS, ids=str)
def test_what_is_recovered_is_what_would_have_been_saved(events: list[Event], path: Path) -> None:
    saved = recorder(path.with_name("saved.yaml"))
    saved.save([hear(saved, *events)])
    recording = recorder(path)
    hear(recording, *events)
    crash(recording)
    recover(path)
    assert list(harness.load(path)) == list(harness.load(path.with_name("saved.yaml")))
    assert orphans(path.parent) == []


def test_chunks_keep_their_cuts_where_something_was_withheld(path: Path) -> None:
    recording = recorder(path)
    hear(recording, HEAD, Chunk(b"Hel"), Chunk(b"lo wor"), Chunk(b"ld, all"), Chunk(b" right\n"), End())
    crash(recording)
    recover(path)
    (found,) = harness.load(path)
    assert found.timeline.chunks == (b"Hel", b"lo wor", b"ld, all", b" right\n")


def test_a_torn_last_event_is_dropped_wherever_it_is_torn(path: Path) -> None:
    recording = recorder(path)
    hear(recording, HEAD, Chunk(b"one\n"), Chunk(b"two\n"), End())
    journal = crash(recording)
    whole = journal.read_bytes()
    ends = []
    for size in range(len(whole) + 1):
        journal.write_bytes(whole[:size])
        (done,) = recover(path)
        if done.cassette is None:
            assert size < whole.find(b"head 1"), "a whole request was lost"
            continue
        (found,) = harness.load(path)
        ends.append((found.timeline.end, found.timeline.body))
        path.unlink()
    assert sorted(set(ends), key=ends.index) == [
        ("open", b""),
        ("open", b"one\n"),
        ("open", b"one\ntwo\n"),
        ("eof", b"one\ntwo\n"),
    ]


def test_an_orphan_stops_the_next_recording_and_says_what_to_type(upstream: Any, path: Path) -> None:
    recording = recorder(path)
    hear(recording, HEAD)
    journal = crash(recording)
    before = journal.read_bytes()
    for mode in ("once", "new_episodes", "all", "rewrite"):
        with pytest.raises(CassetteError, match=r"next: harness recover .*talk\.yaml"):
            harness.record(path, mode=mode)
    assert journal.read_bytes() == before
    assert upstream.asked == 0


def test_an_orphan_does_not_stop_a_replay(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
    recording = recorder(path, Mode.NEW_EPISODES)
    hear(recording, HEAD)
    crash(recording)
    with harness.record(path, mode="once"):
        assert upstream.ask("hi") == "1: hi"
    with harness.replay(path):
        assert upstream.ask("hi") == "1: hi"


def test_one_that_holds_no_request_is_no_orphan(path: Path) -> None:
    path.parent.mkdir()
    path.with_name("talk.yaml.journal").write_bytes(b"")
    recording = recorder(path)
    hear(recording, HEAD)
    assert [p.name for p in path.parent.iterdir()] == ["talk.yaml.journal"]
    assert b"ask 1" in path.with_name("talk.yaml.journal").read_bytes()


def test_two_recordings_at_a_time_have_two_journals(path: Path) -> None:
    first, second = recorder(path, Mode.NEW_EPISODES), recorder(path, Mode.NEW_EPISODES)
    hear(first, HEAD, End())
    hear(second, HEAD, Chunk(b"two\n"), End())
    assert [p.name for p in journals(path)] == ["talk.yaml.journal", "talk.yaml.2.journal"]
    with pytest.raises(CassetteError, match="a process is still recording into it"):
        recover(path)
    crash(first)
    crash(second)
    assert [done.cassette and done.cassette.name for done in recover(path)] == ["talk.yaml", "talk.recovered.yaml"]


def test_a_journal_belongs_to_the_cassette_in_its_name() -> None:
    for name in ("a.yaml", "a.2.yaml", "a.yaml.gz", "7.yaml", "a"):
        for number in ("", ".2", ".17"):
            assert cassette_of(Path(f"x/{name}{number}.journal")) == Path("x") / name


def test_a_cassette_that_exists_is_left_as_it_is(upstream: Any, path: Path) -> None:
    with harness.record(path):
        upstream.ask("hi")
    before = path.read_bytes()
    recording = recorder(path, Mode.NEW_EPISODES)
    hear(recording, HEAD, Chunk(b"new\n"), End())
    crash(recording)
    (done,) = recover(path)
    assert path.read_bytes() == before
    assert done.cassette == path.with_name("talk.recovered.yaml")
    assert "behind all that talk.yaml has" in done.told
    assert [it.timeline.body[:3] for it in harness.load(done.cassette)] == [b'{"i', b"new"]
    recording = recorder(path, Mode.ALL)
    hear(recording, HEAD, End())
    crash(recording)
    assert [r.cassette for r in recover(path)] == [path.with_name("talk.recovered-2.yaml")]


def test_a_crash_after_the_save_leaves_nothing_to_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = recorder(path)
    take = hear(recording, HEAD, Chunk(f"a key {KEY} in it\n".encode()), Chunk(b"more"), End())
    monkeypatch.setattr("harness.recorder._recorder.forget", lambda takes: None)
    recording.save([take])
    crash(recording)
    before = path.read_bytes()
    (done,) = recover(path)
    assert done.cassette is None
    assert done.told.endswith("talk.yaml already")
    assert (path.read_bytes(), orphans(path.parent)) == (before, [])


def test_where_nothing_was_cut_off_recover_says_so(path: Path) -> None:
    with pytest.raises(CassetteNotFoundError, match="no journal here"):
        recover(path)


@pytest.mark.parametrize("content", [b"journal 9 0 2\n{}\n" * 2, b"x" * 5000, b"journal 1 0 2\n{}\nask 1 0 2\n{}\n"])
def test_what_is_no_journal_is_left_as_it_is(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    journal = path.with_name("talk.yaml.journal")
    journal.write_bytes(content)
    with pytest.raises(CassetteError, match="It was left as it is"):
        recover(path)
    assert journal.read_bytes() == content


def test_a_disk_that_is_full_never_fails_the_live_call(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = recorder(path)
    take = hear(recording, HEAD)

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        take.heard(Nanos(5_000_000), Chunk(b"one\n"))
    take.heard(Nanos(6_000_000), End())
    recording.save([take])
    assert [it.timeline.body for it in harness.load(path)] == [b"one\n"]
    assert [p.name for p in path.parent.iterdir()] == ["talk.yaml"]


def test_a_cassette_that_cannot_be_written_leaves_the_journal_and_says_where(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recorder(path)
    take = hear(recording, HEAD, Chunk(b"one\n"), End())

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CassetteWriteError, match=r"No space left.*(?s:.*)next: harness recover .*talk\.yaml\.journal"):
        recording.save([take])
    monkeypatch.undo()
    recover(path)
    assert [it.timeline.body for it in harness.load(path)] == [b"one\n"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "was changed": lambda path: path.write_bytes(path.read_bytes() + b"# a comment\n"),
    "was deleted": Path.unlink,
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_cassette_that_somebody_changed_meanwhile_stands(words: str, path: Path) -> None:
    first = recorder(path)
    first.save([hear(first, HEAD, End())])
    recording = recorder(path, Mode.NEW_EPISODES)
    take = hear(recording, HEAD, Chunk(b"ours\n"), End())
    CHANGES[words](path)
    there = path.read_bytes() if path.exists() else None
    with pytest.raises(
        CassetteChangedError, match=rf"(?s){words} on disk.*What was recorded is in .*talk\.failed\.yaml"
    ):
        recording.save([take])
    assert (path.read_bytes() if path.exists() else None) == there
    assert [it.timeline.body for it in harness.load(path.with_name("talk.failed.yaml"))] == [b"", b"ours\n"]
    assert orphans(path.parent) == []


def test_a_cassette_that_somebody_made_meanwhile_stands(path: Path) -> None:
    recording, other = recorder(path), recorder(path)
    take = hear(recording, HEAD, Chunk(b"ours\n"), End())
    other.save([hear(other, HEAD, End())])
    with pytest.raises(CassetteChangedError, match="has appeared on disk"):
        recording.save([take])
    assert [it.timeline.body for it in harness.load(path)] == [b""]


FORKED = """
import os, sys
from pathlib import Path
from harness.engine import Entry, Mode, Take
from harness.matching import Rules
from harness.model import ZERO, Request
from harness.recorder import Recorder
path = Path(sys.argv[1])
recorder = Recorder(path, Mode.ONCE, Rules())
def ask(url):
    request = Request("GET", url)
    take = Take(request, Entry(1, 1, request, ZERO))
    recorder.follow(take)
    return take
take = ask("https://x/parent")
if os.fork() == 0:
    ask("https://x/child")
    recorder._journal.discard()
    os._exit(0)
os.wait()
print(path.with_name(path.name + ".journal").read_bytes().count(b"ask "))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_neither_writes_nor_deletes_the_journal_of_its_parent(path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", FORKED, path], capture_output=True, text=True, check=True)
    assert ran.stdout == "1\n"


def test_the_journal_holds_no_secret_of_a_request(path: Path) -> None:
    secret = Request(
        "POST",
        f"https://u:pass@api.example/v1?key={'k' * 24}",
        Headers((("x-api-key", "hunter2"), ("cookie", "crumbs"))),
        json.dumps({"password": "hunter3", "text": KEY}).encode(),
    )
    recording = recorder(path)
    hear(recording, Head(200, Headers((("set-cookie", "crumbs"),))), Reset("ReadError", f"at {KEY}"), request=secret)
    written = crash(recording).read_text()
    assert [word for word in ("hunter2", "hunter3", "crumbs", "Ab3", "kkkk", "pass@") if word in written] == []


def test_a_part_has_its_journal_beside_the_whole(upstream: Any, path: Path, tmp_path: Path) -> None:
    with harness.record(tmp_path / "parts" / "1.yaml", beside=path):
        upstream.ask("hi")
        assert [p.name for p in path.parent.iterdir()] == ["talk.yaml.journal"]
    assert list(path.parent.iterdir()) == []
