"""What is wrong with a scenario although every part of it is well formed: all of it, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness import faults, plugins
from harness.dialects import BUILT_IN
from harness.model import Locator, parse_duration
from harness.scenarios._durations import FOREVER
from harness.scenarios._mistakes import nearest
from harness.scenarios._scenario import Call, Cancel, Case, Fault, FaultAt, Reply, Scenario
from harness.scenarios._shadows import Shadows
from harness.scenarios._yaml import Document, Path
from harness.spec import Fault as AnyFault

_CANCEL_POINTS = frozenset({"", "connect", "headers", "end", "chunk", "token", "event", "await"})


def check(scenario: Scenario, document: Document) -> None:
    """Every mistake, noted in `document`."""
    _Checker(scenario, document).all()


class _Checker:
    def __init__(self, scenario: Scenario, document: Document) -> None:
        self._scenario = scenario
        self._document = document
        self._ids = [call.id for call in scenario.calls]
        self._dialects = ["any", *(dialect.name for dialect in BUILT_IN if dialect.renders)]

    def all(self) -> None:
        self._provider()
        self._calls()
        for number, fault in enumerate(self._scenario.faults):
            self._fault_at(fault, ("faults", number))
        self._cancel(self._scenario.cancel, ("cancel",))
        for number, case in enumerate(self._scenario.cases):
            self._case(case, ("cases", number))
        if not self._scenario.available:
            self._document.mistake(("available",), "an empty list says nothing: give true, false or some of each")

    def _provider(self) -> None:
        provider = self._scenario.provider
        if provider not in self._dialects:
            hint = nearest(provider, self._dialects)
            message = f"found {provider!r}, allowed is {', '.join(self._dialects)}.{hint}"
            self._document.mistake(("provider",), message)

    def _calls(self) -> None:
        if _value_at(self._document, ("calls",)) == []:
            self._document.mistake(("calls",), "a scenario needs at least one call")
        known: set[str] = set()
        shadows = Shadows()
        for number, call in enumerate(self._scenario.calls):
            path: Path = ("calls", number)
            if call.id in known:
                self._document.mistake((*path, "id"), f"the id {call.id!r} stands twice")
            known.add(call.id)
            shadow = shadows.of(call) if self._stands(number) else None
            if shadow:
                why = "matches everything" if shadow.when.is_everything else "asks the same"
                message = f"{call.id!r} is never reached: {shadow.id!r} stands before it and {why}"
                self._document.mistake((*path, "id"), message)
            for where, reply in _replies(call):
                self._reply(reply, (*path, *where))
            if call.reply is not None and not call.reply.says:
                self._needs_answer(call.reply, (*path, "reply"))
            if call.sequence is not None:
                self._sequence(call.sequence, (*path, "sequence"))

    def _sequence(self, items: list[Reply], path: Path) -> None:
        if not any(item.says for item in items):
            for number, item in enumerate(items):
                self._needs_answer(item, (*path, number))
        for number, item in enumerate(items[:-1]):
            if item.fault is not None and item.fault.times == FOREVER:
                message = "nothing after this is ever reached: its fault strikes forever"
                self._document.mistake((*path, number), message)

    def _needs_answer(self, item: Reply, path: Path) -> None:
        """A fault that strikes inside an answer has nothing to strike where there is none."""
        if item.fault is None:
            return
        try:
            known = plugins.fault(item.fault.kind)
        except ValueError:  # said where it stands
            return
        if not faults.stands_alone(known):
            self._document.mistake(
                path, "this fault strikes inside an answer, and there is none: give a text beside it"
            )

    def _reply(self, reply: Reply, path: Path) -> None:
        if reply.fault is not None:
            self._fault(reply.fault, (*path, "fault"))
        for number, tool in enumerate(reply.tool_calls):
            if tool.raw_args is not None and "args" in tool.model_fields_set:
                self._document.mistake((*path, "tool_calls", number), "args and raw_args in one tool call: give one")

    def _fault(self, fault: Fault, path: Path) -> None:
        known = self._known(fault.kind, path)
        if known is not None:
            self._params(known, fault, path)

    def _fault_at(self, fault: FaultAt, path: Path) -> None:
        known = self._known(fault.kind, path)
        if known is not None:
            self._params(known, fault, path)
        place = self._place(fault.at, (*path, "at"))
        if place is None:
            return
        if known is not None:
            self._point(known, place.point, (*path, "at"))

    def _known(self, kind: str, path: Path) -> AnyFault | None:
        try:
            return plugins.fault(kind)
        except ValueError as error:
            here = (*path, "kind")
            self._document.mistake(here if here in self._document.values else path, str(error))
            return None

    def _params(self, known: AnyFault, fault: Fault | FaultAt, path: Path) -> None:
        later = sorted(fault.later & fault.params.keys())
        for name in later:
            self._document.mistake((*path, name), f"{name!r} is not supported yet", at_key=True)
        # One at a time, so that each has its own place; a wrong pair is found by the last of them.
        for name, value in fault.params.items():
            try:
                faults.check(known, {name: value})
            except ValueError as error:
                if name not in later:
                    self._document.mistake((*path, name), str(error), at_key=name not in known.params)
        if self._scenario.provider in self._dialects[1:]:
            try:
                faults.check_dialect(known, self._scenario.provider)
            except ValueError as error:
                self._document.mistake(path, str(error))

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
        if place.call and place.call != "*" and not place.call.isdecimal() and place.call not in self._ids:
            message = f"no call is called {place.call!r}.{nearest(place.call, self._ids)} There are: {self._listed()}"
            self._document.mistake(path, message)
            return None
        if place.call == "0":
            self._document.mistake(path, "calls count from one")
            return None
        return place

    def _cancel(self, cancel: Cancel | None, path: Path) -> None:
        place = self._place(cancel.at, (*path, "at")) if cancel else None
        if place is None:
            return
        if place.time and not _is_duration(place.time):
            self._document.mistake((*path, "at"), f"{place.time!r} is no duration: write t=12s")
        elif not place.time and (place.point not in _CANCEL_POINTS or place.index.startswith("-")):
            places = "call=n, /headers, /chunk=k, /token=k, /event=type[k], /await=k, /end"
            self._document.mistake((*path, "at"), f"{place} is no place to cancel at: say {places}")

    def _case(self, case: Case, path: Path) -> None:
        ids = [other.id for other in self._scenario.cases]
        if path[1] != ids.index(case.id):
            self._document.mistake((*path, "id"), f"the case {case.id!r} stands twice")
        if case.reply is not None:
            self._reply(case.reply, (*path, "reply"))
            if len(self._ids) > 1:
                example = f"replies: {{{self._known_ids()[0]}: ...}}"
                message = f"which call is this the reply of? Write {example}; there are: {self._listed()}"
                self._document.mistake((*path, "reply"), message, at_key=True)
        for name, reply in case.replies.items():
            self._reply(reply, (*path, "replies", name))
            if name not in self._ids:
                message = f"no call is called {name!r}.{nearest(name, self._ids)} There are: {self._listed()}"
                self._document.mistake((*path, "replies", name), message, at_key=True)
        for number, fault in enumerate(case.faults):
            self._fault_at(fault, (*path, "faults", number))
        self._cancel(case.cancel, (*path, "cancel"))

    def _listed(self) -> str:
        return ", ".join(self._known_ids())

    def _known_ids(self) -> list[str]:
        """The ids that stand in the file; those of the repair where none does."""
        return [id_ for number, id_ in enumerate(self._ids) if self._stands(number)] or self._ids

    def _stands(self, number: int) -> bool:
        """True where the call is called so in the file, and not by the repair of a malformed one."""
        return _value_at(self._document, ("calls", number, "id")) == self._ids[number]


def _value_at(document: Document, path: Path) -> object:
    """What stands at `path` in the file, or None."""
    value: Any = document.value
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _replies(call: Call) -> Iterator[tuple[Path, Reply]]:
    if call.reply is not None:
        yield ("reply",), call.reply
    for number, item in enumerate(call.sequence or ()):
        yield ("sequence", number), item


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True
