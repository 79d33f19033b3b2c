"""The promises of the prompt contract."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from numbers import Real

from harness.testing._bench import Bench, field_of
from harness.testing._promise import Promises
from harness.testing._script import PROMPT, Act, Script

PROMISES = Promises()
_RAW = ("  Hello", " there.\n\n")
_SLACK = 0.5
"""How much later than asked for something may happen, in shares of it: schedulers are no clocks."""


def stalled(bench: Bench, *pieces: str) -> Script:
    """A model that says `pieces` and then nothing for three times the cap."""
    return Script.of(Act(pieces or ("late",), then="stall", stall_s=3 * bench.timeout_s))


def silent(bench: Bench) -> Script:
    """A model that thinks for three times the cap before it says anything."""
    return Script.of(Act(("late",), gap_s=3 * bench.timeout_s))


@PROMISES.promise("settings-are-there", "prompt")
def _settings(bench: Bench) -> str | None:
    """`model` is a string and `timeout` a number of seconds."""
    with bench.backend(Script()) as backend:
        model, timeout = getattr(backend, "model", None), getattr(backend, "timeout", None)
    fine = isinstance(model, str) and isinstance(timeout, Real) and not isinstance(timeout, bool)
    return None if fine else f"model={model!r}, timeout={timeout!r}"


@PROMISES.promise("a-good-answer-is-a-success", "prompt")
def _success(bench: Bench) -> str | None:
    """An answer with text in it is `success=True`."""
    with bench.backend(Script()) as backend:
        outcome = bench.generate(backend)
    return None if outcome.error is None and field_of(outcome.value, "success") is True else str(outcome)


@PROMISES.promise("text-is-raw", "prompt")
def _raw(bench: Bench) -> str | None:
    """The text is what the model said, white space at both ends included."""
    with bench.backend(Script.of(Act(_RAW))) as backend:
        outcome = bench.generate(backend)
    fine = outcome.error is not None or field_of(outcome.value, "text").strip() != "".join(_RAW).strip()
    return None if fine or field_of(outcome.value, "text") == "".join(_RAW) else f"{outcome}, sent {''.join(_RAW)!r}"


@PROMISES.promise("a-result-names-its-model", "prompt")
def _model(bench: Bench) -> str | None:
    """`LLMResult.model` is the backend's model."""
    with bench.backend(Script()) as backend:
        outcome = bench.generate(backend)
        expected = getattr(backend, "model", None)
    got = field_of(outcome.value, "model")
    return None if outcome.error is not None or got == expected else f"model={got!r}, the backend's is {expected!r}"


@PROMISES.promise("latency-is-what-passed", "prompt")
def _latency(bench: Bench) -> str | None:
    """`latency_ms` is a whole number of milliseconds: what the generation took by the backend's clock."""
    with bench.backend(Script.of(Act(("slow", " answer"), gap_s=bench.timeout_s / 10))) as backend:
        outcome = bench.generate(backend)
    got, passed_ms = field_of(outcome.value, "latency_ms"), outcome.took_s * 1000
    if outcome.error is not None or outcome.took_s < bench.timeout_s / 10:
        return None
    fine = isinstance(got, int) and abs(got - passed_ms) <= passed_ms * _SLACK
    return None if fine else f"latency_ms={got!r}, {passed_ms:.0f} ms passed"


@PROMISES.promise("extra-is-a-dict", "prompt")
def _extra(bench: Bench) -> str | None:
    """`extra` is a dict, after a success and after a soft failure."""
    for script in (Script(), Script.of(Act())):
        with bench.backend(script) as backend:
            outcome = bench.generate(backend)
        if outcome.error is None and not isinstance(field_of(outcome.value, "extra"), dict):
            return f"extra={field_of(outcome.value, 'extra')!r}"
    return None


@PROMISES.promise("empty-output-is-a-soft-failure", "prompt")
def _empty(bench: Bench) -> str | None:
    """Empty output is `success=False`, and no exception."""
    with bench.backend(Script.of(Act())) as backend:
        outcome = bench.generate(backend)
    return None if outcome.error is None and field_of(outcome.value, "success") is False else str(outcome)


@PROMISES.promise("blank-output-is-no-success", "prompt")
def _blank(bench: Bench) -> str | None:
    """Output of white space alone is `success=False`: success is `bool(text.strip())`."""
    with bench.backend(Script.of(Act((" \n", "\t")))) as backend:
        outcome = bench.generate(backend)
    return None if outcome.error is not None or field_of(outcome.value, "success") is False else str(outcome)


@PROMISES.promise("timeout-is-never-empty", "prompt")
def _timeout(bench: Bench) -> str | None:
    """A generation past the cap raises LLMTimeout; it never returns, least of all silently empty output."""
    with bench.backend(silent(bench)) as backend:
        outcome = bench.generate(backend)
    return None if outcome.raised(bench.types.timeout) else str(outcome)


@PROMISES.promise("a-part-is-no-answer", "prompt")
def _part(bench: Bench) -> str | None:
    """A generation that stalls after some text raises LLMTimeout too: what had arrived is not passed off as the
    answer."""
    with bench.backend(stalled(bench, "Hello", " th")) as backend:
        outcome = bench.generate(backend)
    return str(outcome) if outcome.error is None and field_of(outcome.value, "success") else None


@PROMISES.promise("timeout-comes-at-the-cap", "prompt")
def _cap(bench: Bench) -> str | None:
    """LLMTimeout comes when `timeout` seconds have passed: not earlier, and not much later."""
    with bench.backend(silent(bench)) as backend:
        outcome = bench.generate(backend)
    if not outcome.raised(bench.types.timeout):
        return None
    early, late = bench.timeout_s * 0.95, bench.timeout_s * (1 + _SLACK)
    return None if early <= outcome.took_s <= late else f"{outcome}, the cap is {bench.timeout_s:g} s"


@PROMISES.promise("a-drip-meets-the-cap", "prompt")
def _drip(bench: Bench) -> str | None:
    """The cap is on the whole generation, not on the pause between two chunks: a slow drip meets it as well."""
    drip = Act(tuple("drip drip drip"), gap_s=bench.timeout_s / 4)
    with bench.backend(Script.of(drip)) as backend:
        outcome = bench.generate(backend)
    return str(outcome) if outcome.error is None and field_of(outcome.value, "success") else None


@PROMISES.promise("no-model-is-an-exception", "prompt")
def _refused(bench: Bench) -> str | None:
    """A model that cannot be reached is a hard failure: `generate` raises."""
    with bench.backend(Script.of(Act(refused=True))) as backend:
        outcome = bench.generate(backend)
    return None if outcome.error is not None else str(outcome)


@PROMISES.promise("a-lost-answer-is-an-exception", "prompt")
def _lost(bench: Bench) -> str | None:
    """A connection that is reset in the middle of the answer is a hard failure: the half of it is not returned."""
    with bench.backend(Script.of(Act(("Hello", " there."), then="reset"))) as backend:
        outcome = bench.generate(backend)
    return None if outcome.error is not None else str(outcome)


@PROMISES.promise("generate-may-be-cancelled", "prompt")
def _cancelled(bench: Bench) -> str | None:
    """Cancelling the task that awaits `generate` ends it with CancelledError, and the backend answers the next call."""

    async def cancel_and_ask_again() -> str | None:
        asked = backend.generate(PROMPT)
        if not isawaitable(asked):
            return None
        task = asyncio.ensure_future(asked)
        await asyncio.sleep(0)
        task.cancel()
        first = (await asyncio.gather(task, return_exceptions=True))[0]
        if not isinstance(first, asyncio.CancelledError):
            return f"the cancelled generate ended with {first!r}"
        return None

    slow = Act(("slow",), gap_s=bench.timeout_s / 2)
    with bench.backend(Script.of(slow, Act(("fine",)))) as backend:
        seen: str | None = bench.run(cancel_and_ask_again())
        again = bench.generate(backend)
    return seen or (None if again.error is None else f"after a cancelled generate, {again}")
