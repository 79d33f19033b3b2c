"""ScenarioSource: a scenario, in one of its cases, as something that answers requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from harness import plugins
from harness.dialects import MEANING
from harness.engine import History
from harness.errors import DialectError
from harness.faults import Armed, FaultOverlay, strike_anywhere
from harness.model import ZERO, End, Head, Interaction, Nanos, Prompt, Request, Timeline
from harness.scenarios._answer import rendered, spoken, timeline
from harness.scenarios._matching import described, misses
from harness.scenarios._question import Question
from harness.scenarios._reading import Reading
from harness.scenarios._scenario import Call, Case, FaultAt, Reply, Scenario, Timing, When
from harness.scenarios._script import Script, Step
from harness.spec import Dialect, Found, Mismatch

_NATIVE: Final = "native"
_FAILED: Final = 300

_Place: TypeAlias = tuple[int, int, Nanos]


@dataclass(slots=True)
class _Attempts:
    """Which call and attempt a request is: the same bytes after a failure are the next attempt of that call.

    For a source without a session. It counts as the engine's history does, and knows a failure by the answer given.
    """

    calls: int = 0
    _latest: dict[tuple[str, str, bytes], tuple[int, int, bool]] = field(default_factory=dict)

    def begin(self, request: Request) -> tuple[int, int]:
        call, attempt, failed = self._latest.get(_bytes(request), (0, 0, False))
        if failed:
            return self._remember(request, call, attempt + 1)
        self.calls += 1
        return self._remember(request, self.calls, 1)

    def _remember(self, request: Request, call: int, attempt: int) -> tuple[int, int]:
        self._latest[_bytes(request)] = (call, attempt, False)
        return call, attempt

    def answered(self, request: Request, *, failed: bool) -> None:
        call, attempt, _ = self._latest[_bytes(request)]
        self._latest[_bytes(request)] = (call, attempt, failed)


class ScenarioSource:
    """A Source over `scenario`, with the replies and faults of `case`. Calls are tried in order; the first that matches
    answers, in the dialect of the request.

    `available` is what `is_available` says, one after the other; the last repeats. `cancels` are the places at which
    cancel is to be pressed, and the way: whoever opens the session arms them.
    `ignores_cancel` is what its backends do about them.
    """

    def __init__(self, scenario: Scenario, case: Case | None = None) -> None:
        self.name = scenario.name
        self.available: list[bool] = list(scenario.available)
        written = (scenario.cancel, case and case.cancel)
        self.cancels: tuple[tuple[str, str], ...] = tuple((cancel.at, cancel.via) for cancel in written if cancel)
        self.ignores_cancel: bool = any(cancel.ignored for cancel in written if cancel)
        self._provider = scenario.provider
        self._timing = scenario.defaults.timing
        self._scripts = [Script(_varied(call, case, scenario)) for call in scenario.calls]
        placed: list[FaultAt] = [*scenario.faults, *(case.faults if case else [])]
        self._armed = FaultOverlay(Armed(fault.strike, fault.times, plugins.fault) for fault in placed)
        self._made: dict[tuple[object, ...], Timeline] = {}
        self._reading = Reading(scenario.name)
        self._attempts = _Attempts()
        self._history: History | None = None

    def follow(self, history: History) -> None:
        """Take calls and attempts from `history`, which has begun an entry for each request before it is answered.

        It knows more than the answers show: a caller that timed out or was cancelled asks again, too.
        """
        self._history = history

    @property
    def answers(self) -> int:
        """How many answers it holds."""
        return sum(script.answers for script in self._scripts)

    @property
    def models(self) -> list[str]:
        """The models that its calls are for, as far as they name them."""
        return [name for script in self._scripts for name in _models(script.call.when)]

    def find(self, request: Request) -> Found | Mismatch:
        """The answer of the first call that matches `request`."""
        place = self._place(request)
        read = self._reading.read(request)
        if isinstance(read, Mismatch):
            return read
        dialect, prompt = read.dialect, read.prompt
        if dialect.name not in {self._provider, _NATIVE} and self._provider != "any":
            return Mismatch(f"{self.name} answers as {self._provider}, and this was asked in {dialect.name}")
        script = self._matching(Question(request, prompt, place[0], place[1]), read.verdicts)
        if isinstance(script, Mismatch):
            return script
        return self._answer(script, request, dialect, prompt, place)

    def unplayed(self) -> Sequence[str]:
        """One line for each reply, and each fault, that the scenario promises and nobody met."""
        return [*(line for script in self._scripts for line in script.unplayed()), *self.unstruck()]

    def unstruck(self) -> Sequence[str]:
        """One line for each fault with a place that never struck."""
        return self._armed.unstruck()

    def _place(self, request: Request) -> _Place:
        """Call, attempt, and when it was asked."""
        if self._history is None:
            return (*self._attempts.begin(request), ZERO)
        entry = self._history[-1]
        return entry.call, entry.attempt, entry.at

    def _matching(self, asked: Question, verdicts: dict[int, bool]) -> Script | Mismatch:
        """The call that answers, or why none does. `verdicts` are what was found before for the same request."""
        for script in self._scripts:
            if _fits(script, asked, verdicts) and not script.is_used_up:
                return script
        return self._parted(asked)

    def _parted(self, asked: Question) -> Mismatch:
        """Why no call answers: the one that is nearest."""
        used_up: Script | None = None
        parted: list[tuple[int, Mismatch]] = []
        for script in self._scripts:
            differences = misses(script.call.when, asked)
            if not differences:
                used_up = used_up or script
                continue
            reason = f"no call of {self.name} matches; {script.call.id!r} wants {described(script.call.when)}"
            parted.append((len(differences), Mismatch(reason, script.call.id, tuple(differences))))
        if used_up is not None:
            times, name = used_up.call.times, used_up.call.id
            return Mismatch(f"{name!r} answers {times} times, and did", name, exhausted=True)
        return min(parted, key=lambda pair: pair[0])[1]

    def _answer(
        self, script: Script, request: Request, dialect: Dialect, prompt: Prompt, place: _Place
    ) -> Found | Mismatch:
        step = script.give()
        name = script.call.id
        if step is None:
            count = len(script.call.sequence or ())
            return Mismatch(f"the sequence of {name!r} has {count} items, and all were given", name, exhausted=True)
        try:
            clean = self._clean(step, script.call, request, dialect, prompt)
            struck = self._struck(Interaction(request, clean, name, MEANING), step, dialect, place)
        except (DialectError, ValueError) as error:
            return Mismatch(f"{name!r} cannot answer: {error}", name)
        if self._history is None:
            self._attempts.answered(request, failed=struck.timeline is not clean or not _is_fine(struck.timeline))
        return Found(struck, "rule")

    def _clean(self, step: Step, call: Call, request: Request, dialect: Dialect, prompt: Prompt) -> Timeline:
        """The answer as nothing has struck it. Kept, by all of the request that it depends on: a loop asks a thousand
        times, and the bytes are the same every time."""
        asked = (id(step), dialect.name, prompt.model, prompt.stream, repr(prompt.parameters))
        made = self._made.get(asked)
        if made is None:
            made = self._made[asked] = self._rendered(step, call, request, dialect, prompt)
        return made

    def _rendered(self, step: Step, call: Call, request: Request, dialect: Dialect, prompt: Prompt) -> Timeline:
        said, pieces = spoken(step.reply, dialect, prompt)
        answer = rendered(dialect, said, prompt, pieces)
        timing: Timing = step.timing or call.timing or self._timing
        return timeline(dialect, request, answer, timing, len(pieces))

    def _struck(self, answer: Interaction, step: Step, dialect: Dialect, place: _Place) -> Interaction:
        if step.fault is not None:
            kind, params = step.fault.kind, step.fault.params
            struck = strike_anywhere(kind, params, answer.timeline, dialect.name, answer.request, plugins.fault)
            answer = replace(answer, timeline=struck)
        return self._armed.strike(place[0], place[1], answer, place[2])


def _fits(script: Script, asked: Question, verdicts: dict[int, bool]) -> bool:
    known = verdicts.get(id(script))
    if known is not None:
        return known
    fits = not misses(script.call.when, asked)
    if script.call.when.asks_the_request_alone:
        verdicts[id(script)] = fits
    return fits


def _models(when: When) -> Iterator[str]:
    named = (when.model.equals or when.model.contains) if when.model else None
    if isinstance(named, str) and named:
        yield named
    for part in (*when.all_, *when.any_):
        yield from _models(part)


def _varied(call: Call, case: Case | None, scenario: Scenario) -> Call:
    """`call` with the reply that `case` has for it."""
    reply: Reply | None = case.replies.get(call.id) if case else None
    if case and case.reply is not None and len(scenario.calls) == 1:
        reply = case.reply
    return call.model_copy(update={"reply": reply, "sequence": None, "then": None}) if reply else call


def _is_fine(answer: Timeline) -> bool:
    """True where a client that gets this has no reason to ask again."""
    head = answer.head
    return isinstance(head, Head) and head.status < _FAILED and isinstance(answer.events[-1][1], End)


def _bytes(request: Request) -> tuple[str, str, bytes]:
    return request.method, request.url, request.body
