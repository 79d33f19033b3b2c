"""Recordings of other projects, where they lie beside this repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import CassetteError
from harness.model import Interaction
from harness.storage import load

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
SUFFIXES = (".yaml", ".yml", ".json", ".gz")
FILES = sorted(p for p in CORPUS.rglob("*") if p.name.endswith(SUFFIXES)) if CORPUS.is_dir() else []
NO_CORPUS = pytest.mark.skipif(not FILES, reason=f"the corpus is not beside this repository: {CORPUS.name} is missing")


def interactions() -> Iterator[tuple[str, Interaction]]:
    """Every recorded exchange and its name."""
    for path in FILES:
        try:
            cassette = load(path)
        except CassetteError:  # no HTTP: test_corpus_loads says which
            continue
        yield from ((f"{path.name}-{one.id}", one) for one in cassette)
