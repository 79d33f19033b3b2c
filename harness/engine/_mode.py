"""Record mode: vcrpy's four words, with vcrpy's meaning, decided once per session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What may happen to a request.

    `none` plays and never records. `once` plays where the cassette exists and records where it does not.
    `new_episodes` plays what is there and records the rest. `all` records everything again.
    """

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Rights:
    """What this session may do: answer from the source, call upstream."""

    plays: bool
    records: bool


def rights(mode: Mode, *, exists: bool) -> Rights:
    """What `mode` allows, for a cassette that is there or not."""
    match mode:
        case Mode.NONE:
            return Rights(plays=True, records=False)
        case Mode.ONCE:
            return Rights(plays=exists, records=not exists)
        case Mode.NEW_EPISODES:
            return Rights(plays=True, records=True)
        case Mode.ALL:
            return Rights(plays=False, records=True)
