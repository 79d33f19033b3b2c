"""Whether every fault, edit and cancel of a scenario is one, and has a place."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from harness import faults, plugins
from harness.dialects import BUILT_IN
from harness.model import Locator, parse_duration
from harness.scenarios._durations import is_spread
from harness.scenarios._laid import drawn
from harness.scenarios._scenario import Cancel, Fault, FaultAt, Patch, Scenario
from harness.scenarios._strict import nearest
from harness.scenarios._yaml import Document, Path
from harness.spec import Fault as AnyFault

_CANCEL_POINTS: Final = frozenset({"", "connect", "headers", "end", "chunk", "token", "event", "await"})
_PATCH_POINTS: Final = frozenset({"", "event", "chunk"})


class FaultChecker:
    """`ids` are the calls that stand in the file."""

    def __init__(self, scenario: Scenario, document: Document, ids: Sequence[str]) -> None:
        self._scenario = scenario
        self._document = document
        self._ids = ids
        self._is_one_dialect = scenario.provider in {dialect.name for dialect in BUILT_IN if dialect.renders}

    def all(self) -> None:
        """Note every mistake."""
        for path, reply in self._scenario.replies():
            if reply.fault is not None:
                self._fault(reply.fault, (*path, "fault"))
        for number, call in enumerate(self._scenario.calls):
            for place, fault in enumerate(call.faults):
                self._of_call(fault, call.id, ("calls", number, "faults", place))
        for number, laid in enumerate(self._scenario.overlay):
            self._laid(laid, ("overlay", number))
        for number, fault in enumerate(self._scenario.faults):
            self._fault_at(fault, ("faults", number))
        self._cancel(self._scenario.cancel, ("cancel",))
        for number, case in enumerate(self._scenario.cases):
            for place, fault in enumerate(case.faults):
                self._fault_at(fault, ("cases", number, "faults", place))
            self._cancel(case.cancel, ("cases", number, "cancel"))

    def _fault(self, fault: Fault, path: Path) -> None:
        known = self._known(fault.kind, path)
        if known is not None:
            self._params(known, fault, path)

    def _fault_at(self, fault: FaultAt, path: Path) -> None:
        known = self._known(fault.kind, path)
        if known is not None:
            self._params(known, fault, path)
        place = self._place(fault.at, (*path, "at"))
        if place is not None and known is not None:
            self._point(known, place.point, (*path, "at"))

    def _of_call(self, fault: FaultAt, call: str, path: Path) -> None:
        self._fault_at(fault, path)
        first = fault.at.partition("/")[0]
        if first not in {"call=*", f"call={call}"}:
            message = f"inside a call the place is one of its own answers: write call=*, or call={call}"
            self._document.mistake((*path, "at"), message)

    def _laid(self, laid: Patch | FaultAt, path: Path) -> None:
        if isinstance(laid, FaultAt):
            self._fault_at(laid, path)
            return
        place = self._place(laid.at, (*path, "at"))
        if place is not None and (place.time or place.point not in _PATCH_POINTS):
            message = f"{place} is no place to edit at: say call=n, /event=type[k], /chunk=k"
            self._document.mistake((*path, "at"), message)

    def _known(self, kind: str, path: Path) -> AnyFault | None:
        try:
            return plugins.fault(kind)
        except ValueError as error:
            here = (*path, "kind")
            self._document.mistake(here if here in self._document.values else path, str(error))
            return None

    def _params(self, known: AnyFault, fault: Fault | FaultAt, path: Path) -> None:
        # One at a time, so that each has its own place; a wrong pair is found by the last of them.
        for name, value in fault.params.items():
            try:
                faults.check(known, self._sample(name, value))
            except ValueError as error:
                self._document.mistake((*path, name), str(error), at_key=name not in known.params)
        if self._is_one_dialect:
            try:
                faults.check_dialect(known, self._scenario.provider)
            except ValueError as error:
                self._document.mistake(path, str(error))

    def _sample(self, name: str, value: Any) -> dict[str, Any]:
        """One value that the dice may show, where they decide. Raises ValueError for a spread that is none."""
        if not is_spread(value):
            return {name: value}
        try:
            return drawn({name: value}, Random(0))  # noqa: S311 - any of them will do
        except ValueError as error:
            context = getattr(error, "context", None) or {}
            raise ValueError(context.get("text") or f"found {value!r}, allowed is {context.get('wanted')}") from error

    def _point(self, known: AnyFault, point: str, path: Path) -> None:
        try:
            faults.check_point(known, point)
        except ValueError as error:
            self._document.mistake(path, str(error))

    def _place(self, text: str, path: Path) -> Locator | None:
        """The place that `text` names, where its call can be one of ours."""
        try:
            place = Locator.parse(text)
        except ValueError as error:
            self._document.mistake(path, str(error))
            return None
        named = place.call and place.call != "*" and not place.call.isdecimal()
        if named and place.call not in [call.id for call in self._scenario.calls]:
            listed = ", ".join(self._ids) or "none"
            message = f"no call is called {place.call!r}.{nearest(place.call, self._ids)} There are: {listed}"
            self._document.mistake(path, message)
            return None
        if place.call == "0":
            self._document.mistake(path, "calls count from one")
            return None
        if place.time and not _is_duration(place.time):
            self._document.mistake(path, f"{place.time!r} is no duration: write t=12s")
            return None
        return place

    def _cancel(self, cancel: Cancel | None, path: Path) -> None:
        place = self._place(cancel.at, (*path, "at")) if cancel else None
        if place is None:
            return
        if not place.time and (place.point not in _CANCEL_POINTS or place.index.startswith("-")):
            places = "call=n, /headers, /chunk=k, /token=k, /event=type[k], /await=k, /end"
            self._document.mistake((*path, "at"), f"{place} is no place to cancel at: say {places}")


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True
