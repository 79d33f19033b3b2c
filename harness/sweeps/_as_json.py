"""As JSON: a run and a case as plain data, redacted, for pages and machines."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from harness.engine import Entry
from harness.matching import Redaction
from harness.model import Chunk, Event, Head, Json, Nanos, Reset, TimedOut
from harness.sweeps._outcome import Outcome

if TYPE_CHECKING:  # a report is made of these, and a report asks for them
    from harness.sweeps._report import CaseReport

_SHOWN_MAX = 4000


def case_json(case: CaseReport) -> dict[str, Json]:
    """One case with its run."""
    return {
        "name": case.name,
        "kinds": [strike.kind for strike in case.case.strikes],
        "verdict": str(case.verdict),
        "cell": case.cell,
        "violations": [{"checker": one.checker, "text": _redacted(one.text)} for one in case.violations],
        "known": case.known,
        "differs": case.differs,
        "covers": list(case.covers),
        "repro": case.repro,
        **run_json(case.outcome),
    }


def run_json(outcome: Outcome) -> dict[str, Json]:
    """One run: how it ended, its requests, and everything that happened in the order of time."""
    redaction = Redaction.default()
    events = [line for entry in outcome.history for line in _events(entry, redaction)]
    events += [_event(run.at, "tool", f"{run.name} #{run.id} {run.arguments!r}") for run in outcome.tools]
    events += [_event(item.at, "emitted", f"{item.kind} {item.value!r}") for item in outcome.emissions]
    if outcome.pressed is not None:
        events.append(_event(outcome.pressed.at, "cancel", "pressed"))
    events.append(_event(outcome.ended_at, "end", outcome.ending))
    requests: list[Json] = [_request(entry, redaction) for entry in outcome.history]
    return {
        "ended_at_ns": outcome.ended_at,
        "ending": _redacted(outcome.ending),
        "struck": list(outcome.struck),
        "stuck": _redacted(outcome.stuck),
        "missed": [_redacted(text) for text in outcome.missed],
        "strayed": [_redacted(text) for text in outcome.strayed],
        "leaks": list(outcome.leaks),
        "requests": requests,
        "timeline": sorted(events, key=_moment),
        "traceback": _traceback(outcome.error),
    }


def _moment(event: Json) -> int:
    return event["at_ns"] if isinstance(event, dict) and isinstance(event["at_ns"], int) else 0


def _request(entry: Entry, redaction: Redaction) -> dict[str, Json]:
    shown = redaction.request(entry.request)
    return {
        "call": entry.call,
        "attempt": entry.attempt,
        "at_ns": entry.at,
        "method": shown.method,
        "url": shown.url,
        "body": shown.body.decode("utf-8", "replace")[:_SHOWN_MAX],
        "outcome": entry.outcome,
    }


def _events(entry: Entry, redaction: Redaction) -> list[Json]:
    where = f"call {entry.call} attempt {entry.attempt}"
    asked = _event(entry.at, "ask", where)
    heard = [
        _event(Nanos(at + entry.at), *_told(event, where)) for at, event in redaction.timeline(entry.timeline).events
    ]
    left = [_event(entry.left_at, entry.left, where)] if entry.left else []
    return [asked, *heard, *left]


def _told(event: Event, where: str) -> tuple[str, str]:
    match event:
        case Head(status=status):
            return "head", f"{where}: {status}"
        case Chunk(data=data):
            return "chunk", f"{where}: {data.decode('utf-8', 'replace')[:_SHOWN_MAX]}"
        case Reset(error=error, message=message):
            return "reset", f"{where}: {error} {message}"
        case TimedOut(phase=phase):
            return "timeout", f"{where}: {phase}"
        case _:
            return type(event).__name__.lower(), where


def _event(at: Nanos, kind: str, text: str) -> Json:
    return {"at_ns": int(at), "kind": kind, "text": _redacted(text)}


def _traceback(error: BaseException | None) -> str:
    return _redacted("".join(traceback.format_exception(error))) if error is not None else ""


def _redacted(text: str) -> str:
    return Redaction.default().text(text)
