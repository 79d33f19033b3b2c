"""check_backend: every promise of the contract, tried on any backend, from any test runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from harness.contract import resolve
from harness.errors import PromiseBrokenError
from harness.testing import _chat_promises, _prompt_promises, _waiting_promises
from harness.testing._bench import Bench, MakeBackend, Run
from harness.testing._promise import Promise
from harness.testing._script import CannotPlayError, Script

PROMISES: Final[tuple[Promise, ...]] = (
    *_prompt_promises.PROMISES,
    *_chat_promises.PROMISES,
    *_waiting_promises.PROMISES,
)
"""Every promise there is, in the order in which they are tried."""

_VERBS: Final = {
    "prompt": ("generate",),
    "chat": ("complete", "stream_tokens"),
    "waiting": ("complete", "stream_tokens"),
    "async": ("acomplete", "astream_tokens"),
}


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Named = TypeVar("Named", bound=_Identified)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of each promise: ids, and for the others id and reason."""

    kept: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    broken: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        lines = [f"promise {id_}: broken, {seen}" for id_, seen in self.broken]
        lines += [f"promise {id_}: skipped, {why}" for id_, why in self.skipped]
        return "\n".join([*lines, f"{len(self.kept)} kept, {len(self.skipped)} skipped, {len(self.broken)} broken"])


def check_backend(
    make_backend: MakeBackend,
    *,
    contract: Any = None,
    timeout_s: float = 5.0,
    retry_after_s: float = 12.0,
    now: Callable[[], float] | None = None,
    run: Run = asyncio.run,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
) -> Report:
    """Try every promise of both contracts on the backends that `make_backend(script)` makes.

    `make_backend` returns a fresh backend whose model does what `script` says (`script.source()`, `script.cassette()`,
    or `script.act(n).timeline(request)` for a server), or a context manager that gives one; its `timeout` has to be
    `timeout_s` seconds. It raises CannotPlayError where its model cannot do that. `contract` is the module whose types
    the backend speaks. `now` tells the time that the backend waits by, in seconds; without it `time.monotonic`.
    `retry_after_s` is how long a rate limit lasts: the promise about the countdown needs more than five seconds.
    `run` runs a coroutine. `only` and `skip` take ids.

    Returns a Report. Raises PromiseBrokenError that lists every broken promise with what was seen, and ValueError for
    an id that no promise has. A promise of a contract that the backend does not have is skipped, as the report says;
    TypeError for what has neither contract.
    """
    bench = Bench(make_backend, resolve(contract), timeout_s, retry_after_s, run, now)
    chosen = chosen_of(PROMISES, only, skip)
    absent = _absent_verbs(bench)
    tried = [(promise.id, *_tried(bench, promise, absent)) for promise in chosen]
    report = Report(
        kept=tuple(id_ for id_, what, _ in tried if what == "kept"),
        skipped=tuple((id_, seen) for id_, what, seen in tried if what == "skipped"),
        broken=tuple((id_, seen) for id_, what, seen in tried if what == "broken"),
    )
    if report.broken:
        raise PromiseBrokenError(str(report))
    return report


def chosen_of(promises: Sequence[Named], only: Iterable[str], skip: Iterable[str]) -> list[Named]:
    """The promises to try. Raises ValueError for an id that none of them has."""
    wanted, left_out, known = {*only}, {*skip}, [promise.id for promise in promises]
    unknown = sorted((wanted | left_out) - {*known})
    if unknown:
        message = f"no promise is called {', '.join(unknown)}; there are {', '.join(known)}"
        raise ValueError(message)
    return [promise for promise in promises if promise.id not in left_out and (not wanted or promise.id in wanted)]


def reported(promises: Sequence[_Identified], tried: Sequence[tuple[str, str | None]]) -> Report:
    """The report of what was `tried`: ids, with what was seen where one was broken. Raises PromiseBrokenError."""
    ids = {id_ for id_, _ in tried}
    report = Report(
        kept=tuple(id_ for id_, seen in tried if seen is None),
        skipped=tuple((promise.id, "left out") for promise in promises if promise.id not in ids),
        broken=tuple((id_, seen) for id_, seen in tried if seen is not None),
    )
    if report.broken:
        raise PromiseBrokenError(str(report))
    return report


def _tried(bench: Bench, promise: Promise, absent: frozenset[str]) -> tuple[str, str]:
    """`kept`, `skipped` or `broken`, and what was seen."""
    lacking = [verb for verb in _VERBS[promise.group] if verb in absent]
    if lacking:
        return "skipped", f"the backend has no {' and no '.join(lacking)}"
    try:
        seen = promise.trial(bench)
    except CannotPlayError as reason:
        return "skipped", str(reason)
    return ("kept", "") if seen is None else ("broken", seen)


def _absent_verbs(bench: Bench) -> frozenset[str]:
    """The verbs that the backend does not have."""
    with bench.backend(Script()) as backend:
        verbs = (verb for group in _VERBS.values() for verb in group)
        absent = frozenset(verb for verb in verbs if not callable(getattr(backend, verb, None)))
        if not {"generate", "complete", "stream_tokens"} - absent:
            message = f"make_backend made {backend!r}, which has no generate, no complete and no stream_tokens"
            raise TypeError(message)
        return absent
