"""Judge: may something leave the process now, and who has to be told? A decision, with no I/O in it."""

from __future__ import annotations

import _thread
from dataclasses import dataclass
from typing import Literal

from harness.transports._lookup import Member, OpenSession, belonging, open_members


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is about to happen. `host` is the command line where `kind` is `command`."""

    kind: Literal["connect", "name lookup", "command"]
    host: str
    port: int | None = None

    def __str__(self) -> str:
        return f"{self.kind} to {self.host}" + ("" if self.port is None else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """It may not pass unnoticed. Where the sessions are `records`, it passes and they are told; else it is refused."""

    sessions: tuple[OpenSession, ...]
    records: bool = False
    is_stray: bool = False


def judge(*, is_blocked: bool) -> Verdict | None:
    """What to do about something that leaves the process from here, now; None where it is nobody's business."""
    here = belonging()
    members = open_members()
    mine = next((member for member in reversed(here.members) if not member.session.closed), None) or _opener(members)
    if is_blocked:
        return Verdict((mine.session,) if mine else ())
    if here.live:
        return None
    if mine is not None:
        return _by(mine.session)
    replays = tuple(member.session for member in members if _is_strict(member.session))
    return Verdict(replays, is_stray=True) if replays else None


def _opener(members: tuple[Member, ...]) -> Member | None:
    """The only open session, where it was opened in this thread: a context that a runner copied too early, and not a
    thread that has nothing to do with it."""
    if len(members) == 1 and members[0].thread == _thread.get_ident() and not belonging().members:
        return members[0]
    return None


def _by(session: OpenSession) -> Verdict:
    return Verdict((session,), records=not _is_strict(session))


def _is_strict(session: OpenSession) -> bool:
    return session.replays and not session.records
