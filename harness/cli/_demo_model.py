"""A real model on loopback: llama.cpp's own HTTP server in a child process, which ends when its stdin does.

A child, because "the model is stopped" has to mean that nothing is left of it, and because a C++ server that crashes
should take nobody along.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from harness.errors import HarnessError

ALIAS = "smollm2-135m-instruct"
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 10.0
_CONTEXT_TOKENS = 1024


class ModelError(HarnessError):
    """The model did not start. The message has the end of what it said."""


def is_installed() -> bool:
    """True where the extra `demo` is."""
    return find_spec("xllamacpp") is not None


@contextmanager
def running(weights: Path) -> Iterator[str]:
    """The base URL of a running model, gone on exit. Raises ModelError where it does not come up."""
    command = [sys.executable, "-m", "harness.cli._demo_model", str(weights)]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
        subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as child,
    ):
        patience = threading.Timer(_START_TIMEOUT_S, child.kill)
        patience.start()
        try:
            yield _ready(child, log)
        finally:
            patience.cancel()
            _stop(child)


def is_gone(base_url: str) -> bool:
    """True where nobody listens there any more."""
    parts = urlsplit(base_url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1).close()
    except OSError:
        return True
    return False


def _ready(child: subprocess.Popen[str], log: IO[str]) -> str:
    line = child.stdout.readline() if child.stdout else ""
    if not line.startswith("http"):
        log.seek(0)
        said = log.read().strip().splitlines()[-5:]
        message = "the model did not start" + "".join(f"\n  {each}" for each in said)
        raise ModelError(message)
    return line.strip()


def _stop(child: subprocess.Popen[str]) -> None:
    if child.stdin:
        child.stdin.close()
    try:
        child.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()


def serve(weights: str) -> None:
    """The child: load `weights`, say where it listens, and stay until stdin ends."""
    import xllamacpp  # noqa: PLC0415 - the extra `demo`; 34 MB that only this process needs

    # The C++ side logs to stdout; that line is for our parent alone, so stdout becomes stderr and the original is kept.
    parent = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = _CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # two stall for seconds on a busy machine
    params.n_threads_http = 2
    params.cache_ram_mib = 0
    params.cache_prompt = False  # with it, temperature 0 does not repeat
    params.ui = False
    params.model_alias = {ALIAS}
    server = xllamacpp.Server(params)
    parent.write(f"{server.listening_address}\n")
    parent.flush()
    sys.stdin.read()
    del server


if __name__ == "__main__":
    serve(sys.argv[1])
