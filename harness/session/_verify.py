"""What a session promised and did not keep, decided from what it remembers. Pure: the session raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.errors import (
    FaultNotStruckError,
    HarnessError,
    NothingInterceptedError,
    UnplayedError,
    VerificationError,
)

Unplayed = Literal["fail", "warn", "ignore"]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known at the end of a session."""

    source: str
    asked: int
    answers: int
    unplayed: Sequence[str]
    refused: Sequence[str]
    unseen: Sequence[str]
    replays: bool
    records: bool
    policy: Unplayed = "fail"
    unstruck: Sequence[str] = ()


def complaint(known: Remembered) -> HarnessError | None:
    """The one error that says all of it, or None."""
    if known.refused:
        return VerificationError(_listed("a connection was refused while this replay was open", known.refused))
    if known.unseen:
        text = _listed("a connection was made that the recording did not see", known.unseen)
        return VerificationError(
            f"{text}\n  next: use httpx, httpx2, requests, urllib3, botocore or aiohttp, or record at the backend"
        )
    if known.replays and not known.asked and known.answers and known.policy != "ignore":
        return NothingInterceptedError(
            f"nothing was asked of {known.source}, which holds {_count(known.answers)}: this test does not use it.\n"
            "  next: check that the client is called inside the session; one that is none of httpx, httpx2, requests, "
            "urllib3, botocore and aiohttp needs session.backend()"
        )
    if known.unstruck and known.policy != "ignore":
        text = _listed(f"an armed fault of {known.source} found no place to strike", known.unstruck)
        return FaultNotStruckError(
            f"{text}\n  next: name a place that the answer has, or ask often enough to get there"
        )
    if known.unplayed and known.replays and not known.records and known.policy == "fail":
        text = _listed(
            f"{len(known.unplayed)} of {_count(known.answers)} in {known.source} not asked for", known.unplayed
        )
        return UnplayedError(
            f"{text}\n  next: ask for it, take it out, or say unplayed='ignore' (--harness-unplayed=ignore)"
        )
    return None


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _count(answers: int) -> str:
    return "1 answer" if answers == 1 else f"{answers} answers"
