"""Kinds: which faults a sweep lays over the answers, said in a few words.

    kinds = word { word }          words in a list, or in one text with blanks or commas
    word  = ["+" | "-"] (name | glob | phase | "default" | "cancel" | "order")

The first plain word begins the set, `+` adds and `-` takes out; without a plain word one begins with `default`, which
is all of the catalogue but what nobody could notice, `cancel` and `order`.
`cancel` and `order` are no faults of an answer: the caller is told to stop, or calls complete in another order.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from harness.errors import UnknownKindError
from harness.faults import ALIASES, KNOWN

CANCEL: Final = "cancel"
ORDER: Final = "order"
NO_FAULTS: Final = (CANCEL, ORDER)
"""What a sweep does besides faults: nothing of the catalogue, and no answer is changed by it."""
UNNOTICEABLE: Final = frozenset(
    {"duplicate-event", "drop-event", "reorder-events", "json-fenced", "json-schema-violation"}
)
"""No driver can tell these from another answer where the dialect numbers nothing, so `default` leaves them out; they
are swept by name."""
DEFAULT: Final = "default"


def phase_of(kind: str) -> str:
    """The phase of a fault: `connect`, `headers`, `mid-stream`, `benign`, ...; empty where it does not say."""
    fault = KNOWN.get(kind)
    said = str(getattr(fault, "phase", ""))
    return said or ("benign" if kind.startswith("benign-") else "")


def is_benign(kind: str) -> bool:
    """True where the only result allowed is the one without the fault."""
    return phase_of(kind) == "benign"


def chosen(kinds: str | Iterable[str], schedules: bool | None = None) -> tuple[str, ...]:  # noqa: FBT001 - the keyword of a sweep
    """The names that `kinds` means, in the order of the catalogue, `cancel` and `order` last; `schedules` True or False
    has the last word about `order`. Raises UnknownKindError."""
    words = kinds.replace(",", " ").split() if isinstance(kinds, str) else [str(word) for word in kinds]
    plain = any(word[:1] not in "+-" for word in words)
    taken: set[str] = set() if plain else _meant(DEFAULT)
    for word in words:
        if word.startswith("-"):
            taken -= _meant(word[1:])
        else:
            taken |= _meant(word.removeprefix("+"))
    if schedules is not None:
        (taken.add if schedules else taken.discard)(ORDER)
    if not taken:
        message = f"kinds={kinds!r} leaves no fault at all"
        raise UnknownKindError(message)
    return tuple(name for name in _all() if name in taken)


def _all() -> list[str]:
    return [*KNOWN, *NO_FAULTS]


def _meant(word: str) -> set[str]:
    if word == DEFAULT:
        return set(_all()) - UNNOTICEABLE
    name = ALIASES.get(word, word)
    found = {known for known in _all() if known == name or fnmatchcase(known, word) or phase_of(known) == word}
    if found:
        return found
    phases = {phase_of(known) for known in KNOWN} - {""}
    names = [*_all(), *ALIASES, DEFAULT, *phases]
    near = get_close_matches(word, names, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    message = (
        f"no fault, pattern or phase is called {word!r}.{hint} There are default, cancel, order, the phases "
        f"{', '.join(sorted(phases))}, and the faults that `harness faults` lists"
    )
    raise UnknownKindError(message)
