"""The promises about waiting and stopping: retries, countdowns, cancellation, and the async twins."""

from __future__ import annotations

import asyncio
import re
import threading
from itertools import pairwise
from typing import Any

from harness.testing._bench import MESSAGES, Bench, field_of
from harness.testing._promise import Promises
from harness.testing._script import Act, Script

PROMISES = Promises()
_PIECES = ("One ", "two ", "three.")
_SLICE_S = 5.0
_SLACK = 0.5


def _limited(bench: Bench) -> Act:
    return Act.failing(429, "rate-limit", retry_after_s=bench.retry_after_s)


def _limited_once(bench: Bench) -> Script:
    return Script.of(_limited(bench), Act(("fine",)))


@PROMISES.promise("a-rate-limit-is-retried", "waiting")
def _retried(bench: Bench) -> str | None:
    """HTTP 429 is waited for and asked again; the caller sees the answer only."""
    with bench.backend(_limited_once(bench)) as backend:
        outcome = bench.complete(backend)
    return None if field_of(outcome.value, "narrative_text") == "fine" else str(outcome)


@PROMISES.promise("an-overload-is-retried", "waiting")
def _overload(bench: Bench) -> str | None:
    """HTTP 503 is waited for and asked again, too."""
    busy = Act.failing(503, "overloaded", retry_after_s=bench.retry_after_s / 4)
    with bench.backend(Script.of(busy, Act(("fine",)))) as backend:
        outcome = bench.complete(backend)
    return None if field_of(outcome.value, "narrative_text") == "fine" else str(outcome)


@PROMISES.promise("retry-after-is-honoured", "waiting")
def _honoured(bench: Bench) -> str | None:
    """The wait is as long as the server asked for: not shorter, and not much longer."""
    with bench.backend(_limited_once(bench)) as backend:
        outcome = bench.complete(backend)
    if outcome.error is not None:
        return None
    least, most = bench.retry_after_s * 0.95, bench.retry_after_s * (1 + _SLACK) + 1
    return None if least <= outcome.took_s <= most else f"{outcome}, retry-after was {bench.retry_after_s:g} s"


@PROMISES.promise("retries-come-to-an-end", "waiting")
def _ended(bench: Bench) -> str | None:
    """A rate limit that stays is LLMConnectionError after some retries."""
    with bench.backend(Script.of(_limited(bench))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.raised(bench.types.connection_error) else str(outcome)


@PROMISES.promise("a-wait-is-told", "waiting")
def _told(bench: Bench) -> str | None:
    """`on_status` hears of a wait when it begins, with the seconds that are left."""
    with bench.backend(_limited_once(bench)) as backend:
        backend.on_status = ears = bench.ears()
        outcome = bench.complete(backend)
    if outcome.error is not None or outcome.took_s < bench.retry_after_s / 2:
        return None
    first = next(((at, text) for at, text in ears.heard if re.search(r"\d+ ?s", text)), None)
    if first is None:
        return f"on_status heard {[text for _, text in ears.heard]}, and no seconds in it"
    return None if first[0] < bench.retry_after_s / 2 else f"on_status heard nothing for {first[0]:.3g} s of waiting"


@PROMISES.promise("a-countdown-has-short-slices", "waiting")
def _sliced(bench: Bench) -> str | None:
    """While it waits, `on_status` hears something at least every five seconds."""
    with bench.backend(_limited_once(bench)) as backend:
        backend.on_status = ears = bench.ears()
        outcome = bench.complete(backend)
    if outcome.error is not None or not ears.heard:
        return None
    moments = [at for at, _ in ears.heard] + [outcome.took_s]
    longest_s = max(later - earlier for earlier, later in pairwise(moments))
    return None if longest_s <= _SLICE_S + 0.6 else f"on_status heard nothing for {longest_s:.3g} s"


@PROMISES.promise("hooks-are-optional", "waiting")
def _optional(bench: Bench) -> str | None:
    """With `on_status` and `cancel_event` None, a wait works all the same."""
    with bench.backend(_limited_once(bench)) as backend:
        backend.on_status = backend.cancel_event = None
        outcome = bench.complete(backend)
    broken = outcome.error is not None and not outcome.raised(bench.types.connection_error)
    return str(outcome) if broken else None


@PROMISES.promise("a-cancel-before-the-call-is-honoured", "waiting")
def _before(bench: Bench) -> str | None:
    """With `cancel_event` set, `complete` raises GenerationCancelled."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        backend.cancel_event = _set()
        outcome = bench.complete(backend)
    return None if outcome.raised(bench.types.cancelled) else str(outcome)


@PROMISES.promise("a-cancel-stops-the-stream", "waiting")
def _between(bench: Bench) -> str | None:
    """After `cancel_event` was set between two chunks, not one further token is handed on."""
    with bench.backend(Script.of(Act(_PIECES, gap_s=bench.timeout_s / 20))) as backend:
        backend.cancel_event = event = threading.Event()
        stream = bench.stream(backend, heard=lambda _token: event.set())
    said = "".join(stream.tokens)
    return f"{stream}, cancelled after the first token" if len(said) > len(_PIECES[0]) else None


@PROMISES.promise("a-cancelled-stream-says-so", "waiting")
def _stream_raises(bench: Bench) -> str | None:
    """A stream that stops because `cancel_event` was set raises GenerationCancelled; it does not just end."""
    with bench.backend(Script.of(Act(_PIECES, gap_s=bench.timeout_s / 20))) as backend:
        backend.cancel_event = event = threading.Event()
        stream = bench.stream(backend, heard=lambda _token: event.set())
    whole = "".join(stream.tokens) == "".join(_PIECES)
    return None if whole or stream.raised(bench.types.cancelled) else str(stream)


@PROMISES.promise("a-cancel-ends-a-wait", "waiting")
def _during(bench: Bench) -> str | None:
    """`cancel_event` set while a retry is waited for ends the wait at once with GenerationCancelled."""
    with bench.backend(_limited_once(bench)) as backend:
        backend.cancel_event = event = threading.Event()
        backend.on_status = ears = bench.ears()
        ears.then = event.set
        outcome = bench.complete(backend)
    if not ears.heard:
        return None
    prompt = outcome.took_s - ears.heard[0][0] < bench.retry_after_s / 2
    return None if outcome.raised(bench.types.cancelled) and prompt else str(outcome)


@PROMISES.promise("a-cancel-is-no-error", "waiting")
def _no_error(bench: Bench) -> str | None:
    """GenerationCancelled is caught by no `except` for a failure: it is neither a connection nor a parse error."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        backend.cancel_event = _set()
        outcome = bench.complete(backend)
    errors = (bench.types.connection_error, bench.types.parse_error, bench.types.timeout)
    return str(outcome) if outcome.raised(bench.types.cancelled) and outcome.raised(errors) else None


@PROMISES.promise("usable-after-a-cancel", "waiting")
def _usable(bench: Bench) -> str | None:
    """After a cancellation, and with the event cleared, the next call is answered."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        backend.cancel_event = event = threading.Event()
        bench.stream(backend, heard=lambda _token: event.set())
        event.clear()
        again = bench.complete(backend)
    return None if again.error is None else f"the call after a cancellation: {again}"


@PROMISES.promise("acomplete-is-complete", "async")
def _twin(bench: Bench) -> str | None:
    """`acomplete` returns what `complete` returns."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        outcome = bench.acomplete(backend)
    fine = outcome.error is None and field_of(outcome.value, "narrative_text") == "".join(_PIECES)
    return None if fine else str(outcome)


@PROMISES.promise("astream-is-the-stream", "async")
def _stream_twin(bench: Bench) -> str | None:
    """`astream_tokens` gives what `stream_tokens` gives."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        stream = bench.astream(backend)
    return None if stream.error is None and "".join(stream.tokens) == "".join(_PIECES) else str(stream)


@PROMISES.promise("a-lost-astream-is-a-connection-error", "async")
def _stream_twin_lost(bench: Bench) -> str | None:
    """A connection that is reset ends `astream_tokens` with LLMConnectionError, after the tokens that did arrive."""
    with bench.backend(Script.of(Act(_PIECES, gap_s=bench.timeout_s / 20, then="reset"))) as backend:
        stream = bench.astream(backend)
    fine = stream.raised(bench.types.connection_error) and "".join(stream.tokens) == "".join(_PIECES)
    return None if fine else str(stream)


@PROMISES.promise("a-cancelled-task-leaves-the-backend-usable", "async")
def _task(bench: Bench) -> str | None:
    """A task that is cancelled in `astream_tokens` ends with CancelledError, and the next call is answered."""

    async def listen(backend: Any, first: asyncio.Event) -> None:
        async for _ in backend.astream_tokens(list(MESSAGES)):
            first.set()

    async def cancel_in_the_middle() -> str | None:
        first = asyncio.Event()
        task = asyncio.ensure_future(listen(backend, first))
        await asyncio.wait([task, asyncio.ensure_future(first.wait())], return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        ended = (await asyncio.gather(task, return_exceptions=True))[0]
        return None if isinstance(ended, asyncio.CancelledError) else f"the cancelled stream ended with {ended!r}"

    with bench.backend(Script.of(Act(_PIECES, gap_s=bench.timeout_s / 20), Act(("fine",)))) as backend:
        seen: str | None = bench.run(cancel_in_the_middle())
        again = bench.acomplete(backend)
    return seen or (None if again.error is None else f"the call after a cancelled task: {again}")


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event
