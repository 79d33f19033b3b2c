"""Where a test's cassette lies: pytest-recording's rule, so that existing files are found; stricter for new ones.

1. `<test's folder>/cassettes/<module>/<Class.>test[id].yaml`, with `-` for what some file system forbids.
2. A name that had to be changed, or is longer than 120 bytes, ends in eight hex digits of what it was, unless the file
   exists under pytest-recording's name.
3. Two tests whose files would differ only in case are an error, because on some machines they are one file.
4. No name leads out of the project: names come from parametrised values, and files from pull requests may be links.
   A `Path` is somebody's own code and goes where it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

SUFFIX = ".yaml"
NAME_BYTES_MAX = 120
_FORBIDDEN = str.maketrans(dict.fromkeys("<>?%*:|\"'/\\", "-"))


def plain_name(test: str, cls: str = "") -> str:
    """pytest-recording's name, without the suffix: `Class.test[id]`, forbidden characters replaced."""
    return _full(test, cls).translate(_FORBIDDEN)


def safe_name(test: str, cls: str = "") -> str:
    """A name that no other test has, within 120 bytes with its suffix, without the suffix."""
    full, plain = _full(test, cls), plain_name(test, cls)
    room = NAME_BYTES_MAX - len(SUFFIX)
    if plain == full and len(plain.encode()) <= room:
        return plain
    digits = hashlib.blake2b(full.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{_cut(plain, room - len(digits) - 1)}-{digits}"


def default_path(folder: Path, test: str, cls: str, exists: Callable[[Path], bool]) -> Path:
    """The cassette of a test in `folder`: pytest-recording's file where there is one, else a safe name."""
    plain = folder / f"{plain_name(test, cls)}{SUFFIX}"
    return plain if exists(plain) else folder / f"{safe_name(test, cls)}{SUFFIX}"


def named_path(name: str, beside: Path, folders: tuple[Path, ...], exists: Callable[[Path], bool]) -> Path:
    """The file that a test calls `name`.

    One with a suffix or a slash is a path, relative to `beside`, the folder of the test file.
    A bare name is looked for in `folders`; where none has it, it is new and belongs into the first.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml", ".json", ".gz"} or len(path.parts) > 1:
        return beside / path
    candidates = [folder / f"{name}{SUFFIX}" for folder in folders]
    return next((path for path in candidates if exists(path)), candidates[0])


def confined(path: Path, name: str, roots: Iterable[Path]) -> Path:
    """`path`, which `name` led to. Raises pytest.UsageError where it lies in none of `roots`, links followed."""
    try:
        real = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a link to itself, a NUL, a name that is too long
        message = f"{name!r} is no name of a file: {error}"
        raise pytest.UsageError(message) from error
    if any(real.is_relative_to(root.resolve()) for root in roots):
        return path
    message = (
        f"{name!r} leads to {real}, out of the project.\n"
        "  next: keep the file in the project, or pass a pathlib.Path to replay() if this is meant"
    )
    raise pytest.UsageError(message)


def _full(test: str, cls: str) -> str:
    return f"{cls}.{test}" if cls else test


def _cut(name: str, size: int) -> str:
    return name.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")
