"""Desk: decides what a request gets. Reads no socket and waits for nothing.

In this order: the token; the control endpoints; what browsers ask before they ask (CORS); a sign of life at `/`; the
session that the request belongs to, and in it the answer, a fault laid over it where the request demands one.
A miss is told to the client as an error that it should not retry, and is remembered by its session.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from harness.engine import Exchange
from harness.errors import Miss, SessionError
from harness.model import Patience, Request, Timeline
from harness.server._control import PREFIX, control
from harness.server._demand import HEADER as FAULT
from harness.server._demand import Demand
from harness.server._incoming import ORIGIN
from harness.server._refusal import plain, refusal
from harness.server._served import Served, Sessions
from harness.server._token import Token

SESSION: Final = "x-harness-session"
_OURS: Final = frozenset({SESSION, FAULT, "x-harness-token"})
"""What is for the server and not for the source. `x-harness-conversation` is for the source: scenarios match it."""
_PREFLIGHT: Final = "access-control-request-method"


class Desk:
    """Answers for `sessions`, to whoever knows `token`."""

    def __init__(self, sessions: Sessions, token: Token) -> None:
        self._sessions = sessions
        self._token = token

    def decide(self, request: Request) -> tuple[Served, Exchange] | Timeline:
        """An exchange to play and the session it belongs to, or an answer of the server's own."""
        ours = {low: value for name, value in request.headers.pairs if (low := name.lower()) in _OURS}
        path = request.url.partition("?")[0].removeprefix(ORIGIN)
        if request.method == "OPTIONS" and _PREFLIGHT in request.headers and not path.startswith(PREFIX):
            return _preflight(request)
        if not self._token.opens(request):
            return refusal(request, 401, "this harness server wants its token: send it as the API key")
        if path.startswith(PREFIX):
            return control(self._sessions, request, path)
        if path == "/" and request.method in {"GET", "HEAD"}:
            return plain(200, "harness is running\n")
        if path == "/favicon.ico":  # every browser asks, and nobody meant to
            return plain(404, "")
        return self._asked(request, ours)

    def _asked(self, request: Request, ours: dict[str, str]) -> tuple[Served, Exchange] | Timeline:
        try:
            session = self._sessions.called(ours.get(SESSION, ""))
        except SessionError as error:
            return refusal(request, 400, str(error))
        try:
            demand = Demand(ours[FAULT]) if FAULT in ours else None
        except ValueError as error:
            session.missed(Miss(f"{request.method} {request.url} demanded a fault that there is not: {error}"))
            return refusal(request, 400, f"{FAULT}: {error}")
        if ours:
            request = replace(request, headers=request.headers.without(ours))
        return _opened(session, request, demand)


def _opened(session: Served, request: Request, demand: Demand | None) -> tuple[Served, Exchange] | Timeline:
    try:
        exchange = session.open(request, Patience(), demand)
    except Miss as miss:
        return refusal(request, 400, str(miss))
    except Exception as error:  # noqa: BLE001 - a source is anybody's code, and the server answers others meanwhile
        failed = Miss(f"{session.name} failed at {request.method} {request.url}: {type(error).__name__}: {error}")
        failed.__cause__ = error
        session.missed(failed)
        return refusal(request, 500, str(failed))
    assert isinstance(exchange, Exchange), "a session that is served has no upstream"
    return session, exchange


def _preflight(request: Request) -> Timeline:
    """What a browser asks before it asks. It cannot carry a token, and learns nothing."""
    asked = request.headers.get("access-control-request-headers", "*")
    allowed = (
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("access-control-allow-headers", asked or "*"),
        ("access-control-max-age", "600"),
    )
    return plain(204, "", allowed)
