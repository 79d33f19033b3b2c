"""Recordings of others, damaged in a few hundred ways: each is one of our own errors with its place, or loads and says
what it holds. Never a hang, never an empty cassette in silence."""

from __future__ import annotations

import gzip
import random
import time
from pathlib import Path

import pytest

from harness.errors import CassetteError
from harness.model import Cassette, Prompt, Reply
from harness.storage import parse

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
SUFFIXES = (".yaml", ".yml", ".json", ".gz")
FILES = sorted(p for p in CORPUS.rglob("*") if p.name.endswith(SUFFIXES)) if CORPUS.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason=f"the corpus is not beside this repository: {CORPUS.name} is missing")
SMALL = 40_000  # bytes; larger ones say nothing new and take long
SECONDS_MAX = 5.0
WORDS = [b"null", b"[]", b"{}", b"-1", b"1e999", b"!!binary x", b"&a [*a]", b"'", b'"', b"\t", b"\x00", b"\xff\xfe",
         b": ", b"- ", b"true", b"2026-01-01", b"!!python/object:os.system x", b"|", b">-", b"? "]  # fmt: skip
KEYS = [b"request", b"response", b"interactions", b"body", b"string", b"headers", b"status", b"code", b"uri", b"method"]


def sources() -> list[tuple[str, bytes]]:
    found = []
    for path in FILES:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        if len(data) <= SMALL:
            found.append((path.name, data))
    return found


def truncated(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 3, 20])):
        changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def retyped(data: bytes, dice: random.Random) -> bytes:
    """The value after some key becomes one of another type."""
    key = dice.choice(KEYS)
    places = [at for at in range(len(data)) if data.startswith(key + b":", at)]
    if not places:
        return flipped(data, dice)
    at = dice.choice(places) + len(key) + 1
    stop = data.find(b"\n", at)
    return data[:at] + b" " + dice.choice(WORDS) + data[stop if stop >= 0 else len(data) :]


def shuffled(data: bytes, dice: random.Random) -> bytes:
    """Lines are lost, doubled or moved."""
    lines = data.splitlines(keepends=True)
    at, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    return b"".join(dice.choice([
        [*lines[:at], *lines[at + 1 :]],
        [*lines[:at], lines[at], *lines[at:]],
        [*lines[:at], lines[other], *lines[at:]],
        [*lines[:at], dice.choice(WORDS) + b"\n", *lines[at:]],
    ]))  # fmt: skip


MANNERS = [truncated, flipped, retyped, shuffled]


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.__name__)
def test_damage_is_told(manner: object) -> None:
    assert callable(manner)
    dice = random.Random(str(manner.__name__))
    tried = 0
    for name, data in sources():
        for _ in range(3):
            damaged = manner(data, dice)
            assert isinstance(damaged, bytes)
            began = time.monotonic()
            told = outcome(damaged, name)
            assert time.monotonic() - began < SECONDS_MAX, name
            if isinstance(told, CassetteError):
                assert name in str(told)
                assert len(str(told)) > len(name) + 10
            else:
                assert len(told) or told.notes or b"interactions: []" in damaged, (name, damaged[:200])
            tried += 1
    assert tried > 150


def outcome(data: bytes, name: str) -> Cassette | CassetteError:
    """The cassette or our own error. Everything else is a crash, and fails the test as it is."""
    try:
        found = parse(data, name)
        assert all(isinstance(one.prompt, Prompt | None) and isinstance(one.reply, Reply | None) for one in found)
    except CassetteError as error:
        return error
    return found
