"""A response that is kept, as in an exception that a report has, keeps nothing of the session that it came from."""

from __future__ import annotations

import asyncio
import gc
import weakref
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

import harness

URL = "http://model/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def answered(family: ModuleType, *, whole: bool) -> Any:
    with harness.replay(lambda prompt: "hello") as session, family.Client() as client:
        if whole:
            return client.post(URL, json=BODY), weakref.ref(session)
        with client.stream("POST", URL, json=BODY) as response:
            return response, weakref.ref(session)


async def answered_later(family: ModuleType, *, whole: bool) -> Any:
    with harness.replay(lambda prompt: "hello") as session:
        async with family.AsyncClient() as client:
            if whole:
                return await client.post(URL, json=BODY), weakref.ref(session)
            async with client.stream("POST", URL, json=BODY) as response:
                return response, weakref.ref(session)


@pytest.mark.parametrize("whole", [True, False], ids=["read", "left"])
@pytest.mark.parametrize("family", [httpx, httpx2])
@pytest.mark.parametrize("in_task", [False, True], ids=["sync", "async"])
def test_a_kept_response_keeps_no_session(in_task: bool, family: ModuleType, whole: bool) -> None:
    kept, session = asyncio.run(answered_later(family, whole=whole)) if in_task else answered(family, whole=whole)
    gc.collect()
    assert kept.status_code == 200
    assert session() is None
    if not whole:
        with pytest.raises(family.StreamError):
            kept.read()
