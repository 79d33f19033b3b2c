"""What is wrong with a scenario although every part of it is well formed: all of it, each with its place."""

from __future__ import annotations

from harness import plugins
from harness.dialects import BUILT_IN
from harness.faults import stands_alone
from harness.scenarios._check_chance import check_chance
from harness.scenarios._check_expect import check_expect
from harness.scenarios._check_faults import FaultChecker
from harness.scenarios._check_played import check_played
from harness.scenarios._check_replies import check_reply
from harness.scenarios._check_state import check_state
from harness.scenarios._durations import FOREVER
from harness.scenarios._recorded_source import part_of
from harness.scenarios._scenario import Case, Reply, Scenario
from harness.scenarios._shadows import Shadows
from harness.scenarios._strict import nearest
from harness.scenarios._yaml import Document, Path, value_at


def check(scenario: Scenario, document: Document) -> None:
    """Every mistake, noted in `document`."""
    _Checker(scenario, document).all()


class _Checker:
    def __init__(self, scenario: Scenario, document: Document) -> None:
        self._scenario = scenario
        self._document = document
        self._ids = [call.id for call in scenario.calls]
        self._dialects = ["any", *(dialect.name for dialect in BUILT_IN if dialect.renders)]
        self._faults = FaultChecker(scenario, document, self._known_ids())

    def all(self) -> None:
        self._provider()
        self._calls()
        self._cassette()
        self._unmatched()
        self._faults.all()
        for number, case in enumerate(self._scenario.cases):
            self._case(case, ("cases", number))
        for path, reply in self._scenario.replies():
            check_reply(reply, path, self._document)
        check_state(self._scenario, self._document)
        check_chance(self._scenario, self._document)
        check_expect(self._scenario, self._document)
        if not self._scenario.available:
            self._document.mistake(("available",), "an empty list says nothing: give true, false or some of each")
        if not self._document.places:  # what is played has to be sound
            check_played(self._scenario, self._document)

    def _provider(self) -> None:
        provider = self._scenario.provider
        if provider not in self._dialects:
            hint = nearest(provider, self._dialects)
            message = f"found {provider!r}, allowed is {', '.join(self._dialects)}.{hint}"
            self._document.mistake(("provider",), message)

    def _calls(self) -> None:
        if value_at(self._document, ("calls",)) == [] and self._scenario.cassette is None:
            self._document.mistake(("calls",), "a scenario needs at least one call, or a cassette")
        self._shadows()
        known: set[str] = set()
        for number, call in enumerate(self._scenario.calls):
            path: Path = ("calls", number)
            if call.id in known:
                self._document.mistake((*path, "id"), f"the id {call.id!r} stands twice")
            known.add(call.id)
            if call.reply is not None and not call.reply.says:
                self._needs_answer(call.reply, (*path, "reply"))
            if call.sequence is not None:
                self._sequence(call.sequence, (*path, "sequence"))

    def _shadows(self) -> None:
        shadows = Shadows()
        for number, call in sorted(enumerate(self._scenario.calls), key=lambda pair: -pair[1].priority):
            shadow = shadows.of(call) if self._stands(number) else None
            if shadow is None or self._scenario.unmatched == {"call": call.id}:
                continue
            why = "matches everything" if shadow.when.is_everything else "asks the same"
            before = "stands before it" if shadow.priority == call.priority else "has a higher priority"
            message = f"{call.id!r} is never reached: {shadow.id!r} {before} and {why}"
            self._document.mistake(("calls", number, "id"), message)

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
        try:
            known = plugins.fault(item.fault.kind) if item.fault else None
        except ValueError:
            return
        if known is not None and not stands_alone(known):
            message = "this fault strikes inside an answer, and there is none: give a text beside it"
            self._document.mistake(path, message)

    def _cassette(self) -> None:
        words = self._scenario.cassette.match if self._scenario.cassette else []
        for number, word in enumerate(words):
            try:
                part_of(word)
            except ValueError as error:
                self._document.mistake(("cassette", "match", number), str(error))
        if words and not any(word.partition(".")[0] == "body" for word in words):
            message = "the body is always a part of the match: name body, or what of it counts, as in body.messages[-1]"
            self._document.mistake(("cassette", "match"), message)

    def _unmatched(self) -> None:
        match self._scenario.unmatched:
            case {"call": name} if name not in self._ids:
                self._document.mistake(("unmatched", "call"), self._no_call(name))
            case "echo" if self._scenario.cassette is not None:
                message = "echo answers everything else, so that nothing would ever be missing from the cassette"
                self._document.mistake(("unmatched",), message)

    def _case(self, case: Case, path: Path) -> None:
        ids = [other.id for other in self._scenario.cases]
        if path[1] != ids.index(case.id):
            self._document.mistake((*path, "id"), f"the case {case.id!r} stands twice")
        if case.reply is not None and len(self._ids) != 1:
            if not self._ids:
                self._document.mistake(
                    (*path, "reply"), "there is no call that this could be the reply of", at_key=True
                )
                return
            example = f"replies: {{{self._known_ids()[0]}: ...}}"
            message = f"which call is this the reply of? Write {example}; there are: {self._listed()}"
            self._document.mistake((*path, "reply"), message, at_key=True)
        for name in case.replies:
            if name not in self._ids:
                self._document.mistake((*path, "replies", name), self._no_call(name), at_key=True)

    def _no_call(self, name: str) -> str:
        return f"no call is called {name!r}.{nearest(name, self._ids)} There are: {self._listed()}"

    def _listed(self) -> str:
        return ", ".join(self._known_ids()) or "none"

    def _known_ids(self) -> list[str]:
        """The ids that stand in the file; those of the repair where none does."""
        return [id_ for number, id_ in enumerate(self._ids) if self._stands(number)] or self._ids

    def _stands(self, number: int) -> bool:
        """True where the call is called so in the file, and not by the repair of a malformed one."""
        return value_at(self._document, ("calls", number, "id")) == self._ids[number]
