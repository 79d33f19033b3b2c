"""From a Cassette to the disk, in one step: the old file stands until the new one has been read back and compared."""

from __future__ import annotations

import gzip
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.errors import CassetteChangedError, CassetteError, CassetteWriteError
from harness.model import Cassette
from harness.storage._load import fingerprint, load, parse
from harness.storage._stored import as_stored
from harness.storage._write import dump

_OPEN_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


_UNFINISHED: Final = re.compile(r"(\d+)\.\d+\.tmp")
ANY: Final = b"any"


def save(path: str | os.PathLike[str], cassette: Cassette, *, replaces: bytes | None = ANY) -> None:
    """Write `cassette` to `path`, whole or not at all. Folders are made as needed.

    `replaces` is the fingerprint of the file that may be replaced, None for none: where another one is there by now,
    CassetteChangedError is raised and it stands.
    Raises CassetteWriteError where it cannot be written: what was there before is intact, and nothing else is left.
    Raises CassetteError where the file that is there cannot be read: it may be somebody's only copy.
    A path that ends in `.gz` is written as gzip. One that ends in `.json` is refused: cassettes are YAML.
    """
    target = Path(os.path.realpath(path))  # through a link, so that the link stays one
    refuse_foreign_name(target)
    _refuse_unreadable(target)
    data = dump(cassette)
    content = gzip.compress(data, mtime=0) if target.suffix == ".gz" else data
    with _told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _written(target, content)
        try:
            _compare(temporary, cassette, target)
            _refuse_changed(target, replaces)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)


def clear_unfinished(path: str | os.PathLike[str]) -> None:
    """Delete what a process that was killed while it saved `path` has left beside it."""
    target = Path(os.path.realpath(path))
    for entry in target.parent.iterdir():
        owner = _UNFINISHED.fullmatch(entry.name.removeprefix(f".{target.name}."))
        if owner and entry.name.startswith(f".{target.name}.") and not _is_running(int(owner[1])):
            entry.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name == "nt":  # pragma: no cover - asking there would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def refuse_foreign_name(target: Path) -> None:
    """Raise CassetteWriteError for a name that says another format than YAML."""
    if target.suffix == ".json":
        message = f"{target}: cassettes are written as YAML. Name it {target.with_suffix('.yaml').name!r}."
        raise CassetteWriteError(message)


def _refuse_unreadable(target: Path) -> None:
    if not target.exists():
        return
    try:
        load(target)
    except CassetteError as error:
        message = f"{error} It was not overwritten. Repair it, or delete it to record again."
        raise CassetteError(message) from error


def _refuse_changed(target: Path, replaces: bytes | None) -> None:
    if replaces != ANY and fingerprint(target) != replaces:
        change = "was changed" if target.exists() and replaces else "has appeared" if target.exists() else "was deleted"
        message = f"{target}: this file {change} on disk since it was opened for recording, and was not overwritten."
        raise CassetteChangedError(message)


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """An OSError on the way becomes a sentence about the cassette."""
    try:
        yield
    except CassetteError:
        raise
    except OSError as error:
        before = "What was there before is intact." if target.exists() else "Nothing was written."
        message = f"{target}: the cassette cannot be written: {error.strerror or error}. {before}"
        raise CassetteWriteError(message) from error


def _written(target: Path, content: bytes) -> Path:
    """A new file beside `target` that holds `content` and has reached the disk. Nothing is left of it on failure."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    temporary.unlink(missing_ok=True)  # of a process that had this number and was killed
    handle = os.open(temporary, _OPEN_NEW, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o7777)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _compare(temporary: Path, cassette: Cassette, target: Path) -> None:
    """Read back what was written. A difference is a bug of ours, and better found before the old file is gone."""
    wanted = as_stored(cassette).interactions
    found = parse(temporary.read_bytes(), os.fspath(target)).interactions
    if found != wanted:
        pairs = enumerate(zip(found, wanted, strict=False), 1)
        first = next((number for number, (a, b) in pairs if a != b), min(len(found), len(wanted)) + 1)
        message = (
            f"{target}: interaction #{first} does not come back from the file as it went in, so nothing was replaced. "
            "Please report this with the recording."
        )
        raise CassetteWriteError(message)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the system lets a folder be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
