"""Checkers of how a run ended: whether, with what, and whether that is the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from harness.contract import GenerationCancelled
from harness.model import Nanos, as_seconds
from harness.sweeps._kinds import CANCEL, ORDER, is_benign
from harness.sweeps._outcome import Outcome

_SDKS = frozenset(
    {
        "openai.OpenAIError",
        "anthropic.AnthropicError",
        "google.genai.errors.APIError",
        "ollama._types.ResponseError",
        "ollama._types.RequestError",
        "cohere.core.api_error.ApiError",
        "botocore.exceptions.BotoCoreError",
        "botocore.exceptions.ClientError",
        "harness.contract._types.LLMConnectionError",
        "harness.contract._types.LLMParseError",
        "harness.contract._types.LLMTimeout",
    }
)
"""The base classes of the official SDKs' own exceptions, and of our contract: what may escape where no contract is
given. By name, because none of them is loaded to find out."""


def no_hang(outcome: Outcome, baseline: Outcome) -> str | None:
    """It ends before the horizon, and never waits for what cannot come."""
    del baseline
    return outcome.stuck.splitlines()[0] if outcome.stuck else None


def contract_exceptions(outcome: Outcome, baseline: Outcome) -> str | None:
    """Only exceptions of the contract escape, and they keep their cause."""
    del baseline
    error = outcome.error
    if error is None or outcome.stuck or _is_own_cancel(outcome):
        return None
    declared = outcome.terms.contract
    if not (isinstance(error, declared) if declared else _is_of_a_sdk(error)):
        allowed = ", ".join(kind.__name__ for kind in declared) or "the exceptions of the known SDKs"
        return f"{_named(error)} escaped ({_line(error)}); the contract allows {allowed}"
    lost = error.__context__
    is_theirs = _is_of_a_sdk(error)  # a status is all there is to know, and the SDKs raise it from None
    if declared and not is_theirs and error.__cause__ is None and error.__suppress_context__ and lost is not None:
        return f"{_named(error)} was raised from None and hides its cause, {_named(lost)}"
    return None


def _is_own_cancel(outcome: Outcome) -> bool:
    """True where the run was cancelled by the sweep and says so."""
    error = outcome.error
    said_so = isinstance(error, asyncio.CancelledError | GenerationCancelled)
    return outcome.pressed is not None and error is not None and (said_so or _named(error) == "trio.Cancelled")


def _is_of_a_sdk(error: BaseException) -> bool:
    names = {_qualified(kind) for kind in type(error).__mro__}
    return bool(names & _SDKS)


def _qualified(kind: type) -> str:
    module = kind.__module__
    root = module.partition(".")[0]
    short = f"{root}.{kind.__qualname__}"  # openai and anthropic keep theirs in a private module
    return short if short in _SDKS else f"{module}.{kind.__qualname__}"


def _named(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no text"])[0][:200]


def no_partial_success(outcome: Outcome, baseline: Outcome) -> str | None:
    """What is returned as a success is what is returned without the fault. Another order is no fault: each
    answer was heard to its end."""
    if set(outcome.kinds) == {ORDER}:
        return None
    if not outcome.returned or outcome.admits_failure or outcome.terms.same(outcome.result, baseline.result):
        return None
    return f"returned {_shown(outcome.result)} as a success; without the fault it is {_shown(baseline.result)}"


def benign_neutral(outcome: Outcome, baseline: Outcome) -> str | None:
    """A benign change of the wire changes nothing."""
    if not outcome.struck or not outcome.kinds or not all(is_benign(kind) for kind in outcome.kinds):
        return None
    if not outcome.returned:
        return f"a benign change made it fail: {outcome.ending}"
    if not outcome.terms.same(outcome.result, baseline.result):
        return f"a benign change made it return {_shown(outcome.result)}"
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def cancel_honoured(outcome: Outcome, baseline: Outcome) -> str | None:
    """After a cancel it ends at once, asks nothing more, and does not swallow it."""
    del baseline
    pressed = outcome.pressed
    if pressed is None or not pressed.arrived or CANCEL not in outcome.kinds:
        return None
    return next(_after_cancel(outcome), None)


def _after_cancel(outcome: Outcome) -> Iterator[str]:
    pressed = outcome.pressed
    assert pressed is not None
    if len(outcome.history) > pressed.asked:
        more = len(outcome.history) - pressed.asked
        yield f"{more} further request{'s' if more > 1 else ''} after the cancel"
    late = Nanos(outcome.ended_at - pressed.at)
    if late > outcome.terms.cancel_within:
        yield f"it ended {as_seconds(late):g}s after the cancel"
    heard = sum(entry.chunks for entry in outcome.history[pressed.asked - 1 : pressed.asked] if pressed.asked)
    if heard - pressed.heard > 1 and outcome.returned:
        yield f"it read {heard - pressed.heard} more chunks after the cancel"
    if outcome.returned and not outcome.admits_failure and outcome.swallowed:
        yield "it swallowed the cancel and returned a result"
    if pressed.is_task and outcome.error is not None and not _says_cancelled(outcome.error):
        yield f"it made {type(outcome.error).__name__} of the cancel, so who cancelled it is not told that it stopped"


def _says_cancelled(error: BaseException) -> bool:
    """True for CancelledError, trio's Cancelled, GenerationCancelled and a contract's own word for it."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_says_cancelled, error.exceptions))
    return any("cancel" in cls.__name__.lower() for cls in type(error).__mro__)


def reusable_after_fault(outcome: Outcome, baseline: Outcome) -> str | None:
    """The same driver works again once the model does."""
    again = outcome.again
    if again is None:
        return None
    if again.missed:
        return f"once the model was well again it asked what was never asked before: {again.missed[0].splitlines()[0]}"
    if again.error is not None:
        return f"once the model was well again it still failed: {_named(again.error)}: {_line(again.error)}"
    if not again.terms.same(again.result, baseline.result):
        return f"once the model was well again it returned {_shown(again.result)}"
    return None


def no_leaks(outcome: Outcome, baseline: Outcome) -> str | None:
    """A virtual second later nothing is left that is not left without the fault. What hangs holds what it holds, and
    breaks another promise."""
    if outcome.stuck:
        return None
    usual = list(baseline.leaks)
    more = []
    for leak in outcome.leaks:
        if leak in usual:
            usual.remove(leak)
        else:
            more.append(leak)
    return "; ".join(more) if more and outcome is not baseline else None


def deterministic(outcome: Outcome, baseline: Outcome) -> str | None:
    """The same case twice is the same run."""
    del baseline
    if not outcome.twin or outcome.twin == outcome.digest:
        return None
    return f"the same case twice went two ways (traces {outcome.digest} and {outcome.twin})"
