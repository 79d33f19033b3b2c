"""A report that is kept keeps what came out, and none of the sessions that it came out of."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import httpx2
import pytest

import harness
from harness.session import Session
from harness.transports import is_intercepting

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


class DriverError(Exception):
    pass


def ask(_: Session) -> str:
    with httpx2.Client() as client:
        try:
            return str(client.post("http://model/v1/chat/completions", json=BODY).raise_for_status().json())
        except httpx2.HTTPError as error:
            raise DriverError from error


async def ask_later(_: Session) -> str:
    async with httpx2.AsyncClient() as client:
        try:
            return str((await client.post("http://model/v1/chat/completions", json=BODY)).raise_for_status().json())
        except httpx2.HTTPError as error:
            raise DriverError from error


@pytest.mark.parametrize("driver", [ask, ask_later], ids=["sync", "async"])
def test_a_kept_report_keeps_no_session(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[weakref.ref[Session]] = []
    start = Session.start

    def noted(session: Session) -> Session:
        opened.append(weakref.ref(session))
        return start(session)

    monkeypatch.setattr(Session, "start", noted)
    report = harness.sweep(
        driver, lambda prompt: "hello", kinds="reset-mid-stream http-500-server-error", contract=[DriverError]
    )
    gc.collect()
    errors = [one.outcome.error for one in report.cases if one.outcome is not None]
    assert len([error for error in errors if isinstance(error, DriverError)]) > 2
    assert len(opened) > len(errors)
    assert [ref() for ref in opened if ref() is not None] == []
    assert not is_intercepting()
