"""What is read out of a scenario before it is played: the calls of a case, what is laid over them, what they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.scenarios._laid import Layer, layers
from harness.scenarios._question import Predicate
from harness.scenarios._scenario import Call, Case, FaultAt, Reply, Scenario, When


def varied(call: Call, case: Case | None, scenario: Scenario) -> Call:
    """`call` with the reply that `case` has for it."""
    reply: Reply | None = case.replies.get(call.id) if case else None
    if case and case.reply is not None and len(scenario.calls) == 1:
        reply = case.reply
    return call.model_copy(update={"reply": reply, "sequence": None, "then": None}) if reply else call


def layers_of(scenario: Scenario, case: Case | None) -> list[Layer]:
    """What is laid over answers, in order: the faults of calls, the overlay, the faults of the file and of `case`."""
    seed = scenario.clock.seed
    own = [_of_call(fault, call) for call in scenario.calls for fault in call.faults]
    placed = [*scenario.faults, *(case.faults if case else [])]
    return [*layers(own, seed, "call"), *layers(scenario.overlay, seed, "overlay"), *layers(placed, seed)]


def _of_call(fault: FaultAt, call: Call) -> FaultAt:
    """`fault`, which stands in `call`, with a place that only the answers of that call have."""
    rest = fault.at.partition("/")[1:]
    return fault.model_copy(update={"at": f"call={call.id}{''.join(rest)}"})


def require_predicates(known: Mapping[str, Predicate], scenario: Scenario) -> None:
    """Raises ValueError where a matcher names a predicate that is not among `known`."""
    wanted = {name for call in scenario.calls for name in _predicates(call.when)}
    missing = sorted(wanted - known.keys())
    if missing:
        message = (
            f"{scenario.name} names predicates that are not there: {', '.join(missing)}\n"
            f"  pass them: harness.scenario(..., predicates={{{missing[0]!r}: function}}); a file brings no code"
        )
        raise ValueError(message)


def _predicates(when: When) -> Iterator[str]:
    if when.predicate is not None:
        yield when.predicate
    for part in (*when.all_, *when.any_, *([when.not_] if when.not_ is not None else [])):
        yield from _predicates(part)


def models_in(when: When) -> Iterator[str]:
    """The models that `when` is for, as far as it names them."""
    named = (when.model.equals or when.model.contains) if when.model else None
    if isinstance(named, str) and named:
        yield named
    for part in (*when.all_, *when.any_):
        yield from models_in(part)
