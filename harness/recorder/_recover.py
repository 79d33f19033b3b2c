"""`recover`: an orphan journal becomes a cassette. Nothing that is there is overwritten, and the journal goes last."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from harness.errors import CassetteError, CassetteNotFoundError
from harness.matching import Rules, refuse_secrets
from harness.model import Cassette
from harness.recorder._aside import aside
from harness.recorder._heard import Heard, heard_in
from harness.recorder._journal import SUFFIX, cassette_of, journals
from harness.recorder._lock import claimed
from harness.storage import clear_unfinished, dump, fingerprint, load, parse, save

_SKIPPED: Final = frozenset({".git", ".tox", ".venv", "venv", "node_modules", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of one journal. `cassette` is what was written, None where nothing had to be; `calls` were in the
    journal, and the answers of `cut_off` of them had not ended. `told` says it in words."""

    journal: Path
    cassette: Path | None
    calls: int
    cut_off: int
    told: str


def recover(path: str | os.PathLike[str], rules: Rules | None = None) -> list[Recovered]:
    """Turn the journals of the cassette at `path` (or the one journal at `path`) into cassettes, and delete them.

    Where there is no cassette by now the recording becomes it; else it is kept beside it as `refund.recovered.yaml`.
    A torn last event is dropped; an answer that had not ended ends `open`. Raises CassetteNotFoundError where there is
    no journal, CassetteError for one that is still being written or is none, and CassetteWriteError; the journal stays.
    Raises SecretFoundError where something in it looks like a secret that `rules` neither replace nor allow.
    """
    given = Path(path)
    found = [given] if given.name.endswith(SUFFIX) else journals(given)
    if not found or not found[0].is_file():
        message = f"{given}: there is no journal here, so no recording of it was cut off."
        raise CassetteNotFoundError(message)
    return [_recovered(journal, rules or Rules()) for journal in found]


def orphans(folder: str | os.PathLike[str]) -> list[Path]:
    """Every journal below `folder`, less hidden and installed things. One that is being written is among them."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        found += [Path(root, name) for name in sorted(files) if name.endswith(SUFFIX)]
    return found


def _recovered(journal: Path, rules: Rules) -> Recovered:
    with _claimed(journal):
        heard = heard_in(journal.read_bytes(), journal)
        heard = replace(heard, interactions=tuple(rules.redaction.interaction(one) for one in heard.interactions))
        refuse_secrets([*enumerate(heard.interactions, 1)], rules, str(journal))
        written, told = _kept(heard, cassette_of(journal))
        clear_unfinished(cassette_of(journal))
        torn = f"; {heard.torn} bytes of an event that was being written are dropped" if heard.torn else ""
        result = Recovered(journal, written, len(heard.interactions), heard.open, f"{told}{torn}")
        if os.name != "nt":
            journal.unlink()
    if os.name == "nt":  # pragma: no cover - an open file cannot be deleted there
        journal.unlink()
    return result


@contextmanager
def _claimed(journal: Path) -> Iterator[None]:
    try:
        file = journal.open("r+b")
    except OSError as error:
        message = f"{journal}: it cannot be read: {error.strerror}."
        raise CassetteError(message) from error
    with file:
        if not claimed(file.fileno()):
            message = f"{journal}: a process is still recording into it. Wait for its end, or end it."
            raise CassetteError(message)
        yield


def _kept(heard: Heard, cassette: Path) -> tuple[Path | None, str]:
    """Write what was heard where it belongs. Returns where, and the words for it."""
    if not heard.interactions:
        return None, "nothing had been asked yet"
    what = _count(heard)
    if not cassette.exists():
        save(cassette, Cassette(heard.interactions, str(cassette)), replaces=None)
        return cassette, f"{what} recovered into {cassette}"
    there = _readable(cassette)
    if there is not None and _holds(there, heard):
        return None, f"{what} were in {cassette} already"
    target = _free(cassette)
    if there is not None and heard.mode == "new_episodes" and fingerprint(cassette) == heard.before:
        save(target, Cassette((*there.interactions, *heard.interactions), str(target)), replaces=None)
        return target, f"{what} recovered into {target}, behind all that {cassette.name} has; it was left as it is"
    save(target, Cassette(heard.interactions, str(target)), replaces=None)
    return target, f"{what} recovered into {target}, because {cassette.name} exists; it was left as it is"


def _readable(cassette: Path) -> Cassette | None:
    try:
        return load(cassette)
    except CassetteError:
        return None  # damaged by something else: whatever it is, it is left as it is


def _holds(there: Cassette, heard: Heard) -> bool:
    """True where the crash came after the cassette was written: all that was heard is in it, as often as it was."""
    stored = parse(dump(Cassette(heard.interactions)))
    return not Counter(map(repr, stored.interactions)) - Counter(map(repr, there.interactions))


def _free(cassette: Path) -> Path:
    words = ("recovered" if number == 1 else f"recovered-{number}" for number in count(1))
    return next(path for word in words if not (path := aside(cassette, word)).exists())


def _count(heard: Heard) -> str:
    calls = "1 call" if len(heard.interactions) == 1 else f"{len(heard.interactions)} calls"
    return f"{calls} ({heard.open} cut off)" if heard.open else calls
