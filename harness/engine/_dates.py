"""Dates in headers. A timeline knows lengths of time only; who plays it knows the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from harness.model import PER_SECOND, At, Head, Headers, Interaction, Nanos

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def dated(answer: Interaction, asked_on: Nanos) -> Interaction:
    """`answer` with the dates of its head written out; `asked_on` is when it was asked, since 1970."""
    head = answer.timeline.head
    if head is None or not head.dated:
        return answer
    events = tuple(_dated(at, asked_on) for at in answer.timeline.events)
    return replace(answer, timeline=replace(answer.timeline, events=events))


def _dated(at: At, asked_on: Nanos) -> At:
    when, event = at
    if not isinstance(event, Head):
        return at
    fields = tuple((name, http_date(Nanos(asked_on + when + wait))) for name, wait in event.dated)
    return when, replace(event, headers=Headers((*event.headers, *fields)), dated=())


def http_date(on: Nanos) -> str:
    """A moment as RFC 9110 section 5.6.7 writes it. It has no parts of a second, so the next whole one is named: a
    server that says when to come back means no earlier."""
    day = _EPOCH + timedelta(seconds=-(-on // PER_SECOND))
    return f"{_DAYS[day.weekday()]}, {day.day:02} {_MONTHS[day.month - 1]} {day.year:04} {day:%H:%M:%S} GMT"
