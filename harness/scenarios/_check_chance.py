"""Whether what is left to chance has a seed, and times agree with each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.model import NEVER
from harness.scenarios._durations import is_spread
from harness.scenarios._reply import Delivery, Timing
from harness.scenarios._scenario import Fault, FaultAt, Scenario
from harness.scenarios._yaml import Document, Path

_SPANS: Final = ("connect", "ttft", "per_token", "tail")
_AFTER: Final = {"connect": ("ttft", "per_token", "tail"), "ttft": ("per_token", "tail"), "per_token": ("tail",)}


def check_chance(scenario: Scenario, document: Document) -> None:
    """Every mistake, noted in `document`."""
    for path, timing in _timings(scenario):
        _check_timing(timing, path, scenario, document)
    for path, delivery in _deliveries(scenario):
        if delivery.compress is not None and scenario.provider == "native":
            document.mistake((*path, "compress"), "a backend's contract has no wire that could be compressed")
    if scenario.clock.seed is not None:
        return
    for path in _chances(scenario):
        message = "what is left to chance is the same in every run: say clock: {seed: 1}"
        document.mistake(path, message, at_key=True)


def _check_timing(timing: Timing, path: Path, scenario: Scenario, document: Document) -> None:
    horizon = scenario.clock.horizon
    for name in _SPANS:
        span = getattr(timing, name)
        if not isinstance(span, int):
            continue
        if horizon is not None and horizon < span < NEVER:
            document.mistake((*path, name), "this is later than the horizon of the clock, which ends the run")
        if span >= NEVER:
            for later in _AFTER.get(name, ()):
                if getattr(timing, later) and later in timing.model_fields_set:
                    document.mistake((*path, later), f"{name} is forever, so that this never comes")
    if timing.jitter and "per_token" in timing.model_fields_set and not timing.per_token:
        document.mistake((*path, "jitter"), "jitter of no time at all: give per_token")


def _chances(scenario: Scenario) -> Iterator[Path]:
    """Where something is left to chance."""
    for path, timing in _timings(scenario):
        for name in _SPANS:
            if not isinstance(getattr(timing, name), int):
                yield (*path, name)
        if timing.jitter:
            yield (*path, "jitter")
    for path, fault in _faults(scenario):
        if fault.probability is not None:
            yield (*path, "probability")
        for name, value in fault.params.items():
            if is_spread(value):
                yield (*path, name)


def _timings(scenario: Scenario) -> Iterator[tuple[Path, Timing]]:
    yield ("defaults", "timing"), scenario.defaults.timing
    for number, call in enumerate(scenario.calls):
        if call.timing is not None:
            yield ("calls", number, "timing"), call.timing
    for path, reply in scenario.replies():
        if reply.timing is not None:
            yield (*path, "timing"), reply.timing


def _deliveries(scenario: Scenario) -> Iterator[tuple[Path, Delivery]]:
    yield ("defaults", "delivery"), scenario.defaults.delivery
    for number, call in enumerate(scenario.calls):
        if call.delivery is not None:
            yield ("calls", number, "delivery"), call.delivery
    for path, reply in scenario.replies():
        if reply.delivery is not None:
            yield (*path, "delivery"), reply.delivery


def _faults(scenario: Scenario) -> Iterator[tuple[Path, Fault | FaultAt]]:
    for path, reply in scenario.replies():
        if reply.fault is not None:
            yield (*path, "fault"), reply.fault
    for number, call in enumerate(scenario.calls):
        for place, fault in enumerate(call.faults):
            yield ("calls", number, "faults", place), fault
    for number, laid in enumerate(scenario.overlay):
        if isinstance(laid, FaultAt):
            yield ("overlay", number), laid
    for number, fault in enumerate(scenario.faults):
        yield ("faults", number), fault
    for number, case in enumerate(scenario.cases):
        for place, fault in enumerate(case.faults):
            yield ("cases", number, "faults", place), fault
