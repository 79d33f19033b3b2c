"""The files that a scenario names: those of its project, and no others."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path as File
from typing import Final

from harness.errors import CassetteError
from harness.scenarios._reply import Block, Raw
from harness.scenarios._scenario import Scenario
from harness.scenarios._yaml import Document, Path
from harness.storage import load

_ROOTS: Final = ("pyproject.toml", ".git", "setup.cfg", "tox.ini")
_BYTES_MAX: Final = 64 << 20


def attach(scenario: Scenario, document: Document, folder: File) -> None:
    """Read every file that `scenario` names. What is wrong with one is noted in `document`.

    A name is looked up beside the scenario, then at the root of its project: the nearest folder above with a
    pyproject.toml or a .git, else the folder of the scenario itself."""
    _Files(document, folder.resolve()).all(scenario)


class _Files:
    def __init__(self, document: Document, folder: File) -> None:
        self._document = document
        self._folder = folder
        self._root = next(
            (place for place in (folder, *folder.parents) if any((place / name).exists() for name in _ROOTS)), folder
        )

    def all(self, scenario: Scenario) -> None:
        for path, reply in scenario.replies():
            if reply.raw is not None:
                self._body(reply.raw, (*path, "raw"))
            for number, block in enumerate(reply.blocks or ()):
                if block.image is not None and not block.image.startswith("data:"):
                    self._file(block, block.image, (*path, "blocks", number, "image"))
        self._cassette(scenario)

    def _body(self, raw: Raw, path: Path) -> None:
        if raw.body_file is not None:
            self._file(raw, raw.body_file, (*path, "body_file"))

    def _file(self, to: Raw | Block, name: str, path: Path) -> None:
        file = self._found(name, path)
        content = self._read(file, path) if file is not None else None
        if content is not None:
            to.attach(content)

    def _cassette(self, scenario: Scenario) -> None:
        written = scenario.cassette
        if written is None:
            return
        path: Path = ("cassette", "file") if ("cassette", "file") in self._document.values else ("cassette",)
        file = self._found(written.file, path)
        if file is None:
            return
        content = self._read(file, path) if written.sha256 is not None else None
        if content is not None and sha256(content).hexdigest() != written.sha256:
            message = f"{written.file} has changed: its sha256 is {sha256(content).hexdigest()}"
            self._document.mistake(("cassette", "sha256"), message)
        try:
            scenario.attach(load(file))
        except CassetteError as error:
            self._document.mistake(path, f"{written.file} cannot be played: {error}")

    def _found(self, name: str, path: Path) -> File | None:
        for place in (self._folder, self._root):
            file = _resolved(place / name)
            if file is not None and not file.is_relative_to(self._root):
                message = f"{name!r} lies outside of the project, and a scenario reads nothing there"
                self._document.mistake(path, message)
                return None
            if file is not None and file.is_file():
                return file
        self._document.mistake(
            path, f"there is no file {name!r}, neither beside the scenario nor at the project's root"
        )
        return None

    def _read(self, file: File, path: Path) -> bytes | None:
        try:
            with file.open("rb") as opened:
                content = opened.read(_BYTES_MAX + 1)
        except OSError as error:
            self._document.mistake(path, f"cannot be read: {error.strerror or error}")
            return None
        if len(content) > _BYTES_MAX:
            self._document.mistake(path, f"more than {_BYTES_MAX:,} bytes")
            return None
        return content


def _resolved(path: File) -> File | None:
    """`path` with every link in it followed; None where it can be the name of no file."""
    try:
        found = path.resolve()
        found.is_file()
    except (OSError, ValueError, RuntimeError):
        return None
    return found
