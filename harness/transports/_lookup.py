"""Whose session is it? The open session of this context; else the only open one; else a miss that names all.

Rules:

1. The innermost session of the context answers. Where it is closed, that is a miss: a closed session never answers,
   never passes through, and its leftovers never reach somebody else's session.
2. A context that belongs to nobody (a thread older than every session, a loop that copied its context too early) gets
   the only open session. Two open ones are a miss that names both: guessing would mix two recordings.
3. No session, and a context that never saw one: the request is none of our business.

The context is one value, so that whoever carries it to another thread carries all of it.
"""

from __future__ import annotations

import _thread
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Protocol

from harness.engine import Exchange, Live
from harness.errors import Miss
from harness.model import Patience, Request
from harness.spec import Clock


class OpenSession(Protocol):
    """What the room needs of a session."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def clock(self) -> Clock:
        """The clock of replays."""

    @property
    def wall(self) -> Clock:
        """Real time, for what is heard live."""

    @property
    def records(self) -> bool:
        """True where it may call upstream."""

    @property
    def replays(self) -> bool:
        """True where it answers from a source."""

    @property
    def closed(self) -> bool:
        """True once it has ended."""

    @property
    def allowed_hosts(self) -> Sequence[str]:
        """Patterns (`db.local`, `127.0.0.1:5432`, `*.internal`) of what the guard lets through."""

    @property
    def ignored_hosts(self) -> Sequence[str]:
        """Patterns of the hosts whose HTTP requests go to the real server, neither answered nor recorded."""

    def open(self, request: Request, patience: Patience) -> Exchange | Live:
        """What to do about `request`. Thread-safe. Raises Miss, and remembers it."""

    def missed(self, miss: Miss) -> None:
        """A request came that may have been this session's, and was refused with `miss`. Remember it."""

    def refuse(self, what: str, host: str, port: int | None, where: str, *, inside: bool) -> Exception:
        """The guard is about to refuse `what` (`connect`, `name lookup`, `command`): remember it, and return the error
        to raise. `where` is `file:line` of the caller; `inside` is False for a thread that has nothing to do with this
        session. For a command, `host` is the command line."""

    def unseen(self, host: str, port: int | None, where: str) -> None:
        """While recording, a connection left by a way that no seam saw, so the cassette lacks it."""


@dataclass(frozen=True, eq=False)
class Member:
    """One session's place in a context. Apart from the session, so that a context that outlives it can be noticed."""

    session: OpenSession
    thread: int = field(default_factory=_thread.get_ident)


@dataclass(frozen=True, slots=True)
class Belonging:
    """Whom this context belongs to, innermost last. `live` marks a call of our own to the real server."""

    members: tuple[Member, ...] = ()
    live: bool = False


NOBODY = Belonging()
_belonging: ContextVar[Belonging] = ContextVar("harness_belonging", default=NOBODY)
_open: list[Member] = []


def belonging() -> Belonging:
    """Whom the running code belongs to."""
    return _belonging.get()


class belonging_to:  # noqa: N801 - reads as a verb; a class because generators keep a context alive in tracebacks
    """Run on behalf of `whom`: a job belongs to whoever submitted it, not to the thread that runs it."""

    def __init__(self, whom: Belonging) -> None:
        self._whom = whom

    def __enter__(self) -> None:
        self._token = _belonging.set(self._whom)

    def __exit__(self, *_: object) -> None:
        _belonging.reset(self._token)


def live_call() -> belonging_to:
    """A call of our own to the real server: neither intercepted again nor taken for a connection that nobody saw."""
    return belonging_to(replace(_belonging.get(), live=True))


def enter(session: OpenSession) -> Member:
    """`session` is the innermost one of this context from now on."""
    member = Member(session)
    _open.append(member)
    here = _belonging.get()
    _belonging.set(replace(here, members=(*here.members, member)))
    return member


def leave(session: OpenSession) -> None:
    """`session` is no longer open. Contexts that were copied from this one still belong to it, and get misses."""
    _open[:] = [member for member in _open if member.session is not session]
    here = _belonging.get()
    # Not ContextVar.reset: a session may be closed in another context than it was opened in, and out of order.
    _belonging.set(replace(here, members=tuple(m for m in here.members if m.session is not session)))


def open_members() -> tuple[Member, ...]:
    """Every open session, in the order of opening."""
    return tuple(_open)


def whose() -> OpenSession | None:
    """The session that a request from here is for; None where no session has anything to do with it. Raises Miss."""
    session = _innermost()
    if session is not None:
        return _alive(session)
    if len(_open) > 1:
        raise _ambiguous()
    return _open[0].session if _open else None


def nearest_session() -> OpenSession | None:
    """The open session that code from here runs in, for who asks and demands nothing. Never a Miss."""
    session = _innermost()
    if session is not None:
        return None if session.closed else session
    return _open[0].session if len(_open) == 1 else None


def _innermost() -> OpenSession | None:
    # Apart: a Miss that is kept keeps the frame of `whose`, and a context in there would count as one still alive.
    members = _belonging.get().members
    return members[-1].session if members else None


def _alive(session: OpenSession) -> OpenSession:
    if not session.closed:
        return session
    miss = Miss(
        f"the session {session.name!r} is closed, and code that was started inside it still makes requests.\n"
        "  A closed session neither answers nor lets anything through to the network.\n"
        "  next: wait for the thread or the task before the session ends, or keep the session open around it"
    )
    session.missed(miss)
    raise miss


def _ambiguous() -> Miss:
    names = ", ".join(repr(member.session.name) for member in _open)
    miss = Miss(
        f"a request came from a thread that belongs to no session, and {len(_open)} sessions are open: {names}.\n"
        "  next: start the thread, or submit the job, inside the session that it works for"
    )
    for member in _open:
        member.session.missed(miss)
    return miss
