"""From the disk to a Cassette, or one error that says what is wrong, where, and what to do."""

from __future__ import annotations

import os
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path

from harness.errors import CassetteError, CassetteNotFoundError
from harness.model import Cassette
from harness.storage._document import read_document
from harness.storage._limits import BYTES_MAX
from harness.storage._read import read_cassette
from harness.storage._trouble import Unreadable


def load(path: str | os.PathLike[str], *, name: str | None = None) -> Cassette:
    """The Cassette in the file at `path`; `name` is what messages call it, by default the path itself.

    Reads vcrpy's YAML and JSON, plain or gzip, and the layouts of other projects that DESIGN section 6 lists.
    Raises CassetteNotFoundError where there is no file, and CassetteError for one that is unreadable, cut short, empty
    or no recording of HTTP. Never returns an empty Cassette in place of an error.
    """
    return parse(read_bytes(Path(path)), name if name is not None else os.fspath(path))


def parse(data: bytes, name: str = "cassette") -> Cassette:
    """The Cassette in `data`, the content of a file that messages call `name`. Raises CassetteError."""
    try:
        return read_cassette(read_document(data), name)
    except Unreadable as error:
        raise CassetteError(error.told(name)) from error


def read_bytes(path: Path) -> bytes:
    """The content of the file at `path`. Raises CassetteNotFoundError and CassetteError."""
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise CassetteNotFoundError(_not_found(path)) from error
    except OSError as error:
        message = f"{path}: it cannot be read: {error.strerror}. Check what it is and whose it is."
        raise CassetteError(message) from error


def fingerprint(path: str | os.PathLike[str]) -> bytes | None:
    """What changes when the file at `path` does; None where there is none. Raises CassetteError."""
    try:
        return fingerprint_of(read_bytes(Path(path)))
    except CassetteNotFoundError:
        return None


def fingerprint_of(data: bytes) -> bytes:
    """The fingerprint of a file that holds `data`."""
    return blake2b(data, digest_size=16).digest()


def _not_found(path: Path) -> str:
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, siblings, n=1)
    hint = f" There is {near[0]!r} beside it." if near else ""
    return (
        f"{path}: there is no cassette here.{hint} Record it: run the test once with `pytest --harness-record=once`, "
        f"or use `harness.record({os.fspath(path)!r})`."
    )
