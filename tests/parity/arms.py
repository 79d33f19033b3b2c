"""The two arms: the same client over a real socket, and in process on virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import harness
from harness import faults
from tests.parity.asking import Ask, Seen
from tests.parity.clients import ASYNC, DIALECTS, SYNC

SCENARIO = Path(__file__).with_name("scenario.yaml")
AT_ONCE = 24
_STREAMED = frozenset({"mid-stream", "end", "benign"})
_UNARY = frozenset({"connect", "before-headers"})
_ASKED = {
    "length-in-block": "block",
    "unclosed-block": "block",
    "json-schema-violation": "json",
    "json-fenced": "json",
}

BELOW_A_SERVER = {
    "connect-refused": "a server that answers has accepted already",
    "net-unreachable": "a route, and no server",
    "dns-failure": "a name, and no server",
    "connect-timeout": "a server that answers has accepted already",
    "connect-latency": "the kernel accepts, and not the server",
    "tls-cert-invalid": "the loopback server speaks plain HTTP",
    "tls-handshake-timeout": "the loopback server speaks plain HTTP",
    "tls-eof": "the loopback server speaks plain HTTP",
    "pool-timeout": "the client's own pool, and no server",
}
"""Faults that no server on loopback can make: the in-process sink is the only one that has them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one client."""

    sdk: str
    colour: str
    fault: str
    stream: bool

    @property
    def id(self) -> str:
        return f"{self.fault}-{self.sdk.replace(' ', '-')}-{self.colour}-{'stream' if self.stream else 'unary'}"

    @property
    def tools(self) -> bool:
        return self.fault.startswith("tool-") or self.fault == "malformed-function-call"

    @property
    def strike(self) -> str:
        """The fault as it is armed; waits are short where they are real."""
        more = {"slow-gap": ",for=200ms", "latency": ",add=200ms", "slow-drip": ",rate=4000"}
        return f"kind={self.fault}{more.get(self.fault, '')}"

    def ask(self, url: str) -> Ask:
        sort = "tool" if self.tools else _ASKED.get(self.fault, "text")
        return Ask(url, self.strike, f"{sort} {self.id}", self.stream, self.tools)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the code around the client got."""

    error: str
    cause: str
    text: str
    finish: str
    calls: str
    requests: int

    def __str__(self) -> str:
        if self.error:
            said = self.error + (f"←{self.cause}" if self.cause else "") + (" +partial" if self.text else "")
        else:
            said = f"{self.finish or '–'} {self.text[:40]!r}" + (" +calls" if self.calls else "")
        return said + (f" ×{self.requests}" if self.requests != 1 else "")


def cases() -> list[Case]:
    """Every fault of the catalogue at every client that has a form for it."""
    made: list[Case] = []
    for (name, fault), sdk, colour in product(faults.KNOWN.items(), DIALECTS, ("sync", "async")):
        known = getattr(fault, "dialects", frozenset())
        if not known or DIALECTS[sdk] in known:
            made += [Case(sdk, colour, name, stream) for stream in _modes(str(getattr(fault, "phase", "")))]
    return made


def _modes(phase: str) -> tuple[bool, ...]:
    if phase in _STREAMED:
        return (True,)
    return (False,) if phase in _UNARY else (True, False)


def over_sockets(chosen: Iterable[Case]) -> dict[Case, Outcome]:
    """The outcomes of `chosen` at a real server, many at a time, because they wait for real."""
    chosen = list(chosen)
    server = harness.serve(SCENARIO, unplayed="ignore").start()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            threads = [case for case in chosen if case.colour == "sync"]
            seen = dict(zip(threads, pool.map(lambda case: _sync(case, server.url), threads), strict=True))
        seen.update(asyncio.run(_all([case for case in chosen if case.colour == "async"], server.url)))
        asked = [bytes(entry.request.body) for entry in server.history]
    finally:
        server.stop()
    return {case: _counted(case, found, asked) for case, found in seen.items()}


def alone(case: Case) -> Outcome:
    """The outcome of `case` at a real server with nobody beside it: what goes by real time is tried again like that."""
    return over_sockets([case])[case]


async def _all(chosen: list[Case], url: str) -> dict[Case, tuple[Seen, BaseException | None]]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case) -> tuple[Seen, BaseException | None]:
        async with places:
            return await _async(case, url)

    return dict(zip(chosen, await asyncio.gather(*map(one, chosen)), strict=True))


def in_process(case: Case) -> Outcome | str:
    """The outcome of `case` in process; a text where the fault found nothing to strike."""
    try:
        with harness.scenario(SCENARIO, faults=f"call=*/attempt=*/{case.strike}", unplayed="ignore") as session:
            seen, error = _run(case)
            asked = [bytes(entry.request.body) for entry in session.history]
            unstruck = [str(miss) for miss in session.misses] or list(session.remembered().unstruck)
    except harness.Miss as miss:
        return str(miss)
    return "\n".join(unstruck) or _counted(case, (seen, error), asked)


def _run(case: Case) -> tuple[Seen, BaseException | None]:
    url = "http://127.0.0.1:1"
    return _sync(case, url) if case.colour == "sync" else asyncio.run(_async(case, url))


def _sync(case: Case, url: str) -> tuple[Seen, BaseException | None]:
    seen = Seen()
    try:
        SYNC[case.sdk](case.ask(url), seen)
    except BaseException as error:
        return seen, error
    return seen, None


async def _async(case: Case, url: str) -> tuple[Seen, BaseException | None]:
    seen = Seen()
    try:
        await ASYNC[case.sdk](case.ask(url), seen)
    except BaseException as error:
        return seen, error
    return seen, None


def _counted(case: Case, found: tuple[Seen, BaseException | None], asked: list[bytes]) -> Outcome:
    seen, error = found
    name = json.dumps(case.ask("").text).strip('"').encode()
    return Outcome(
        error=_named(error) if error is not None else "",
        cause=type(error.__cause__).__name__ if error is not None and error.__cause__ is not None else "",
        text=seen.text,
        finish=seen.finish,
        calls=seen.calls,
        requests=sum(name in body for body in asked),
    )


def _named(error: BaseException) -> str:
    home = type(error).__module__.partition(".")[0]
    return f"{home}.{type(error).__name__}"
