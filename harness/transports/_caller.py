"""Who is calling: the line of the user's code, outside of libraries and of ourselves."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

_OURS: Final = str(Path(__file__).parent.parent)
_LIBRARIES: Final = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {str(Path(sys.prefix, "lib"))}
)


def caller() -> str:
    """`file:line` of the innermost frame of user code; of the innermost frame that is not ours where there is none, as
    in a thread that a library runs."""
    frames = [frame for frame in _frames() if not frame.f_code.co_filename.startswith(_OURS)]
    theirs = (frame for frame in frames if not _is_library(frame.f_code.co_filename))
    frame = next(theirs, frames[0] if frames else None)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "an unknown place"


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.stack() reads every source file of the stack
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_library(filename: str) -> bool:
    return filename.startswith(("<", *_LIBRARIES)) or "site-packages" in filename
