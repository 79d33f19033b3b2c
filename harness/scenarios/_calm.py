"""What strikes in a case of a scenario, and the same case with nothing that strikes."""

from __future__ import annotations

from harness.model import Case, Locator, Strike
from harness.scenarios._faults import FaultAt, Patch
from harness.scenarios._scenario import Scenario
from harness.scenarios._source import ScenarioSource


def armed(scenario: Scenario, case: str | None) -> Case | None:
    """The faults with a place and the cancels of `case`: its own, those of the scenario and of its calls. None where
    there are none; a fault in a sequence is an answer like any other."""
    played, chosen = scenario.played(case)
    faults = [*played.faults, *(fault for call in played.calls for fault in call.faults)]
    faults += [laid for laid in played.overlay if isinstance(laid, FaultAt)]
    faults += chosen.faults if chosen is not None else []
    cancels = [cancel for cancel in (played.cancel, chosen.cancel if chosen else None) if cancel is not None]
    strikes = [Strike(fault.locator, fault.kind) for fault in faults]
    strikes += [Strike(Locator.parse(cancel.at), "cancel") for cancel in cancels]
    return Case(tuple(strikes)) if strikes else None


def calm_source(scenario: Scenario, case: str | None) -> ScenarioSource:
    """A fresh Source over `case` in which nothing of that strikes."""
    played, chosen = scenario.played(case)
    calls = [call.model_copy(update={"faults": []}) for call in played.calls]
    edits = [laid for laid in played.overlay if isinstance(laid, Patch)]
    quiet = played.model_copy(update={"faults": [], "cancel": None, "overlay": edits, "calls": calls})
    calmed = chosen.model_copy(update={"faults": [], "cancel": None}) if chosen is not None else None
    return ScenarioSource(quiet, calmed, recording=played.recording)
