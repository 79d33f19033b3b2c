"""Whether somebody is writing a file: a lock that ends with its process, however that ends.

On the file itself, so that nothing else has to be left beside it.
"""

from __future__ import annotations

import os
import sys
from typing import Final

if sys.platform == "win32":  # pragma: no cover - the other half of what this file is about
    import msvcrt
else:
    import fcntl

_FAR: Final = 1 << 40  # where no byte of a journal stands: Windows keeps everybody from a locked byte


def claimed(handle: int, *, shared: bool = False) -> bool:
    """Take the lock on the open file `handle`; False where somebody else has it. `shared` is for looking only."""
    try:
        if sys.platform == "win32":  # pragma: no cover
            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
