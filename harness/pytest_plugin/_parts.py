"""The cassette of a run: tests that share a new one all record, and their parts are merged in collection order.

Each part is a file of its own in the run's folder, so that it does not matter in which process it was recorded, nor in
which order the tests ran. The cassette is written anew from all parts whenever one is added.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness.matching import Rules, key
from harness.model import Cassette, Interaction
from harness.storage import load, save

try:  # not on Windows
    import fcntl
except ImportError:  # pragma: no cover - there, two workers must not record into one cassette
    fcntl = None  # type: ignore[assignment]


def parts_folder(run: Path, cassette: Path) -> Path:
    """Where this run keeps the parts of `cassette`."""
    digits = hashlib.blake2b(str(cassette).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return run / digits


def part_path(run: Path, cassette: Path, order: str) -> Path:
    """Where the test whose place sorts as `order` records its part, under the cassette's own name, which is shown."""
    return parts_folder(run, cassette) / order / cassette.name


def has_parts(run: Path, cassette: Path) -> bool:
    """True where a test of this run has recorded `cassette`: then it is new, and everybody else records as well."""
    return bool(_parts(run, cassette))


def merge(run: Path, cassette: Path, rules: Rules) -> int:
    """Write `cassette` from its parts; the number of interactions. Raises CassetteWriteError, CassetteError."""
    with locked(run, cassette):
        every = _without_repeats([load(path) for path in _parts(run, cassette)], rules)
        numbered = tuple(replace(one, id=f"#{place}") for place, one in enumerate(every, 1))
        save(cassette, Cassette(numbered, name=str(cassette)))
        return len(numbered)


def _without_repeats(parts: Iterable[Cassette], rules: Rules) -> list[Interaction]:
    """Every test plays the cassette from its beginning: what one asks as another did is answered by the same recording,
    and one that nobody ever reaches would fail the first replay."""
    kept: list[Interaction] = []
    there: Counter[bytes] = Counter()
    for part in parts:
        asked: Counter[bytes] = Counter()
        for interaction in part:
            digest = key(interaction.request, rules)
            asked[digest] += 1
            if asked[digest] > there[digest]:
                there[digest] += 1
                kept.append(interaction)
    return kept


@contextmanager
def locked(run: Path, cassette: Path) -> Iterator[None]:
    """One process at a time writes `cassette`. The lock ends with its process, however that ends."""
    folder = parts_folder(run, cassette)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _parts(run: Path, cassette: Path) -> list[Path]:
    folder = parts_folder(run, cassette)
    found = (place / cassette.name for place in sorted(folder.iterdir())) if folder.is_dir() else ()
    # By its name: beside it another worker may be writing the next one, under a name that is to be replaced.
    return [part for part in found if part.is_file()]
