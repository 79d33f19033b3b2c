"""Saving is whole or not at all: the old file stands until the new one has been read back and compared."""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.errors import CassetteError, CassetteWriteError
from harness.model import Cassette, Head, Headers, Interaction, Request, Timeline
from harness.storage import dump, load, parse, save


def recording(text: bytes = b"hello", count: int = 1) -> Cassette:
    media = Headers((("content-type", "text/plain"),))
    return Cassette(
        tuple(
            Interaction(Request("GET", f"https://x/{n}"), Timeline.of(Head(200, media), [text])) for n in range(count)
        )
    )


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


OLD, NEW = recording(b"old"), recording(b"new")


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.yaml"
    save(path, OLD)
    assert load(path) == Cassette(OLD.interactions, os.fspath(path))
    assert path.read_bytes() == dump(OLD)
    assert names(path.parent) == ["c.yaml"]


def test_saving_again_replaces(tmp_path: Path) -> None:
    save(tmp_path / "c.yaml", OLD)
    save(tmp_path / "c.yaml", NEW)
    assert load(tmp_path / "c.yaml").interactions == NEW.interactions


@pytest.mark.parametrize("content", [b"", b"interactions: [", b"something: else\n", b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_never_overwritten(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(CassetteError, match=r"It was not overwritten\. Repair it, or delete it"):
        save(path, NEW)
    assert path.read_bytes() == content
    assert names(tmp_path) == ["c.yaml"]


@pytest.mark.parametrize("name", ["fsync", "open"])
def test_a_failing_disk_leaves_the_old_file_and_no_other(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.yaml"
    save(path, OLD)

    def full(*args: object, **options: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, name, full)
    with pytest.raises(CassetteWriteError) as caught:
        save(path, NEW)
    monkeypatch.undo()
    assert isinstance(caught.value, OSError)
    assert str(caught.value).startswith(f"{path}: the cassette cannot be written: No space left on device")
    assert "What was there before is intact" in str(caught.value)
    assert load(path).interactions == OLD.interactions
    assert names(tmp_path) == ["c.yaml"]


FULL = """
import resource, signal, sys
from harness.errors import CassetteWriteError
from harness.model import Cassette, Head, Interaction, Request, Timeline
from harness.storage import save
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
big = Timeline.of(Head(200), [b"x" * 20_000])
try:
    save(sys.argv[1], Cassette((Interaction(Request("GET", "https://x/"), big),)))
except CassetteWriteError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the file size are a thing of POSIX")
def test_a_file_that_the_system_refuses_to_grow_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    save(path, OLD)
    ran = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True)
    assert "File too large" in ran.stdout
    assert load(path).interactions == OLD.interactions
    assert names(tmp_path) == ["c.yaml"]


def test_a_folder_that_cannot_be_made_is_an_error_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CassetteWriteError, match=r"file/c\.yaml: the cassette cannot be written.*Nothing was written"):
        save(tmp_path / "file" / "c.yaml", NEW)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_an_error_with_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    save(folder / "c.yaml", OLD)
    folder.chmod(0o500)
    try:
        with pytest.raises(CassetteWriteError, match="What was there before is intact"):
            save(folder / "c.yaml", NEW)
        assert load(folder / "c.yaml").interactions == OLD.interactions
    finally:
        folder.chmod(0o700)


def test_what_would_come_back_otherwise_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is the last line of defence against a bug of ours, so a bug is planted."""
    path = tmp_path / "c.yaml"
    save(path, OLD)
    monkeypatch.setattr("harness.storage._save.dump", lambda cassette: dump(cassette).replace(b"new", b"neu"))
    with pytest.raises(CassetteWriteError, match="interaction #1 does not come back from the file as it went in"):
        save(path, NEW)
    assert load(path).interactions == OLD.interactions
    assert names(tmp_path) == ["c.yaml"]


KILLED = """
import os, sys
import harness.storage._save as room
from harness.model import Cassette, Head, Interaction, Request, Timeline
room._compare = lambda *args: os.kill(os.getpid(), 9)
big = Timeline.of(Head(200), [b"x" * 20_000])
room.save(sys.argv[1], Cassette((Interaction(Request("GET", "https://x/"), big),)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a thing of POSIX")
def test_a_process_killed_while_saving_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    save(path, OLD)
    ran = subprocess.run([sys.executable, "-c", KILLED, path], capture_output=True, check=False)
    assert ran.returncode == -9
    assert load(path).interactions == OLD.interactions


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links are a thing of POSIX")
def test_the_mode_of_the_file_and_a_link_to_it_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "c.yaml", tmp_path / "link.yaml"
    save(path, OLD)
    path.chmod(0o640)
    link.symlink_to(path)
    save(link, NEW)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert load(path).interactions == NEW.interactions


def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    save(tmp_path / "c.yaml", OLD)
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "c.yaml").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_gzip_path_is_written_as_gzip(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml.gz"
    save(path, OLD)
    assert gzip.decompress(path.read_bytes()) == dump(OLD)
    assert load(path).interactions == OLD.interactions
    save(path, NEW)
    assert load(path).interactions == NEW.interactions


def test_a_json_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CassetteWriteError, match=r"Name it 'c\.yaml'"):
        save(tmp_path / "c.json", OLD)
    assert names(tmp_path) == []


def test_a_header_that_is_no_text_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    bad = Interaction(Request("GET", "https://x/", Headers((("x-it", "\ud800"),))), OLD.interactions[0].timeline)
    with pytest.raises(CassetteWriteError, match=r"'\\ud800' in a header or URL is no text"):
        save(tmp_path / "c.yaml", Cassette((bad,)))
    assert names(tmp_path) == []


def test_a_thousand_interactions_come_back() -> None:
    """More nodes than a quarter of a million: a recorder is known that saves such a file and cannot load it."""
    many = recording(b"data: x\n\n" * 3, count=4000)
    data = dump(many)
    nodes = sum(1 for _ in yaml.parse(data[: len(data) // 40], Loader=yaml.CSafeLoader)) * 40
    assert nodes > 100_000
    assert len(parse(data, "many")) == 4000
