"""The control endpoints, for a test that runs in another process.

GET  /__harness__/health    it runs, and on which source
GET  /__harness__/history   one object per attempt, secrets redacted
GET  /__harness__/verdict   misses, and what verification would raise; `ok` where there is nothing
POST /__harness__/reset     begin anew

Each but the first takes `?session=NAME` for the session of an x-harness-session header.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

from harness.engine import Entry
from harness.errors import SessionError
from harness.matching import Redaction
from harness.model import PER_MILLISECOND, Json, Request, Timeline
from harness.server._refusal import plain
from harness.server._served import Served, Sessions

PREFIX: Final = "/__harness__/"
_VERBS: Final = {"health": "GET", "history": "GET", "verdict": "GET", "reset": "POST"}


def control(sessions: Sessions, request: Request, path: str) -> Timeline:
    """The answer of the endpoint at `path`."""
    verb = path.removeprefix(PREFIX)
    if verb not in _VERBS:
        return plain(404, {"error": f"no endpoint is called {path}; there are {', '.join(sorted(_VERBS))}"})
    if request.method != _VERBS[verb] and not (request.method == "HEAD" and _VERBS[verb] == "GET"):
        return plain(405, {"error": f"{path} takes {_VERBS[verb]}"}, (("allow", _VERBS[verb]),))
    name = parse_qs(urlsplit(request.url).query).get("session", [""])[-1]
    try:
        return plain(200, _done(sessions, verb, name))
    except SessionError as error:
        return plain(409, {"error": str(error)})


def _done(sessions: Sessions, verb: str, name: str) -> Json:
    if verb == "health":
        return {"status": "ok", "source": sessions.common.name, "rate": sessions.clock.rate}
    if verb == "reset":
        sessions.reset(name)
        return {"status": "ok"}
    session = sessions.called(name)
    if verb == "history":
        return [as_json(entry, session.rules.redaction) for entry in session.history]
    return verdict(session)


def verdict(session: Served) -> dict[str, Json]:
    """What a session would say at its end, for machines."""
    complaint = session.complaint()
    return {
        "ok": complaint is None,
        "misses": [str(miss) for miss in session.misses],
        "complaint": str(complaint) if complaint is not None else None,
    }


def as_json(entry: Entry, redaction: Redaction) -> dict[str, Json]:
    """One attempt for machines. Times are milliseconds since the session was opened, on its clock."""
    shown = redaction.request(entry.request)
    reply = entry.reply if entry.answered is not None else None
    return {
        "call": entry.call,
        "attempt": entry.attempt,
        "id": entry.id,
        "how": entry.how,
        "method": shown.method,
        "url": shown.url,
        "body": shown.body.decode("utf-8", "replace"),
        "at_ms": entry.at / PER_MILLISECOND,
        "outcome": entry.outcome,
        "chunks": entry.chunks,
        "text": reply.text if reply else None,
        "finish": reply.finish if reply else None,
    }
