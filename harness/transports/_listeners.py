"""What this process listens on: a connection to it does not leave the process.

The table of open files is asked when it matters, and nothing is tracked: a server may have been started before any
session, in C, or on an inherited socket.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from harness.transports._patterns import LOOPBACK_NAMES

_ANY = {"", "0.0.0.0", "::"}  # noqa: S104 - addresses to compare with, nothing is bound to them
_FILES_MAX = 4096


def is_own_listener(host: str, port: int) -> bool:
    """True where a socket of this process accepts connections that are made to `host` and `port`."""
    here = host in _ANY or host in LOOPBACK_NAMES or host.startswith("127.")
    return any(
        bound_port == port and (bound_host == host or (here and (bound_host in _ANY or _is_loopback(bound_host))))
        for bound_host, bound_port in _listening()
    )


def _is_loopback(host: str) -> bool:
    return host in LOOPBACK_NAMES or host.startswith("127.")


def _listening() -> Iterator[tuple[str, int]]:
    for number in _open_files():
        with suppress(OSError):  # closed meanwhile by another thread, or a kind of socket without a name
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                yield from _bound(number)


def _bound(number: int) -> Iterator[tuple[str, int]]:
    with socket.socket(fileno=os.dup(number)) as twin:
        listens = twin.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listens and twin.family in {socket.AF_INET, socket.AF_INET6}:
            host, port, *_ = twin.getsockname()
            yield host, port


def _open_files() -> list[int]:
    try:
        return [int(path.name) for path in Path("/dev/fd").iterdir()]
    except OSError:  # no such folder on this system: try the numbers
        return list(range(_FILES_MAX))
