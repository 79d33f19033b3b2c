"""ScenarioSource: a scenario, in one of its cases, as something that answers requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final, TypeAlias

from harness import plugins
from harness.dialects import MEANING
from harness.engine import History
from harness.errors import DialectError
from harness.faults import strike_anywhere, token_chunks
from harness.model import ZERO, Cassette, Head, Interaction, Nanos, Request, Timeline
from harness.scenarios._answer import plain, refuse_older, rendered, spoken
from harness.scenarios._attempts import Attempts, is_fine
from harness.scenarios._delivery import compressed, delivered, timeline
from harness.scenarios._filling import filled
from harness.scenarios._laid import drawn, struck, unstruck
from harness.scenarios._matching import described, misses
from harness.scenarios._pace import has_dice
from harness.scenarios._pieces import Said
from harness.scenarios._prepared import layers_of, models_in, require_predicates, varied
from harness.scenarios._question import Predicate, Question
from harness.scenarios._reading import Reading
from harness.scenarios._recorded_source import RecordedSource
from harness.scenarios._scenario import Call, Case, Fault, Scenario, Timing
from harness.scenarios._scenario import Reply as WrittenReply
from harness.scenarios._script import Script, Step
from harness.scenarios._state import States
from harness.spec import Dialect, Found, Mismatch

_NATIVE: Final = "native"

_Place: TypeAlias = tuple[int, int, Nanos]


class ScenarioSource:
    """A Source over `scenario`, with the replies and faults of `case`. The first call that matches answers, in the
    dialect of the request; where none does, the cassette, and else what `unmatched` says.

    `available` is what `is_available` says, one after the other; the last repeats. `cancels` are the places at which
    cancel is to be pressed, and the way: whoever opens the session arms them.
    `ignores_cancel` is what its backends do about them.
    `predicates` are the rules in Python that its matchers name. ValueError where one of them is not there.
    """

    def __init__(
        self,
        scenario: Scenario,
        case: Case | None = None,
        *,
        recording: Cassette | None = None,
        predicates: Mapping[str, Predicate] | None = None,
    ) -> None:
        self.name = scenario.name
        self.available: list[bool] = list(scenario.available)
        written = (scenario.cancel, case and case.cancel)
        self.cancels: tuple[tuple[str, str], ...] = tuple((cancel.at, cancel.via) for cancel in written if cancel)
        self.ignores_cancel: bool = any(cancel.ignored for cancel in written if cancel)
        self._scenario = scenario
        self._predicates = dict(predicates or {})
        self._scripts = [Script(varied(call, case, scenario)) for call in scenario.calls]
        self._in_order = sorted(self._scripts, key=lambda script: -script.call.priority)
        self._states = States(scenario.state)
        self._recording = (
            RecordedSource(recording, scenario.cassette) if recording is not None and scenario.cassette else None
        )
        self._laid = layers_of(scenario, case)
        self._withheld: dict[int, Found] = {}
        self._struck: dict[int, tuple[Script, Step]] = {}
        self._made: dict[tuple[object, ...], Timeline] = {}
        self._reading = Reading()
        self._attempts = Attempts()
        self._history: History | None = None
        self._echo = Script(Call(id="echo", reply=WrittenReply(text="{{ user }}")))
        require_predicates(self._predicates, scenario)

    def follow(self, history: History) -> None:
        """Take calls and attempts from `history`, which has begun an entry for each request before it is answered.

        It knows more than the answers show: a caller that timed out or was cancelled asks again, too.
        """
        self._history = history

    @property
    def answers(self) -> int:
        """How many answers it holds."""
        return sum(script.answers for script in self._scripts) + len(self._recording or ())

    @property
    def models(self) -> list[str]:
        """The models that its answers are for, as far as they name them."""
        named = [name for script in self._scripts for name in models_in(script.call.when)]
        return [*named, *(self._recording.models if self._recording else ())]

    @property
    def addresses(self) -> dict[tuple[str, str], str]:
        """Where the recorded answers were recorded: (method, path with its query) -> URL."""
        return self._recording.addresses if self._recording else {}

    def state(self, conversation: str = "") -> Mapping[str, object]:
        """The state of `conversation`, as it is now; the empty name is that of requests without one."""
        return dict(self._states.of(conversation))

    def find(self, request: Request) -> Found | Mismatch:
        """The answer to `request`, or why there is none."""
        place = self._place(request)
        self._states.begin(place[0], place[1])
        self._take_back(place[0], place[1])
        read = self._reading.read(request)
        if isinstance(read, Mismatch):
            return read
        dialect, prompt = read.dialect, read.prompt
        provider = self._scenario.provider
        if dialect is not None and provider != "any" and dialect.name not in {provider, _NATIVE}:
            return Mismatch(f"{self.name} answers as {provider}, and this was asked in {dialect.name}")
        asked = Question(request, prompt, place[0], place[1], self._states.of, self._predicates)
        script = self._matching(asked, dialect, read.verdicts)
        if isinstance(script, Mismatch):
            return self._recorded(request, script, place)
        return self._answer(script, asked, dialect, place)

    def unplayed(self) -> Sequence[str]:
        """One line for each reply, and each fault, that the scenario promises and nobody met."""
        recorded = self._recording.unplayed() if self._recording else ()
        return [*(line for script in self._scripts for line in script.unplayed()), *recorded, *self.unstruck()]

    def unstruck(self) -> Sequence[str]:
        """One line for each fault or edit with a place that never struck."""
        return unstruck(self._laid)

    def _place(self, request: Request) -> _Place:
        """Call, attempt, and when it was asked."""
        if self._history is None:
            return (*self._attempts.begin(request), ZERO)
        entry = self._history[-1]
        return entry.call, entry.attempt, entry.at

    def _take_back(self, call: int, attempt: int) -> None:
        """What a fault took the place of, in an attempt that failed, is still to come."""
        script, step = self._struck.pop(call, (None, None)) if attempt > 1 else (None, None)
        if script is not None and step is not None:
            script.take_back(step)

    # --- which call ---

    def _matching(self, asked: Question, dialect: Dialect | None, verdicts: dict[int, bool]) -> Script | Mismatch:
        """The call that answers, or why none does. `verdicts` are what was found before for the same request."""
        able = self._in_order if dialect is not None else [one for one in self._in_order if one.answers_anything]
        for script in able:
            if _fits(script, asked, verdicts) and not script.is_used_up:
                return script
        return self._unmatched(dialect) or self._parted(able, asked, dialect)

    def _parted(self, able: Sequence[Script], asked: Question, dialect: Dialect | None) -> Mismatch:
        """Why no call answers: the one that is nearest."""
        used_up: Script | None = None
        parted: list[tuple[int, Mismatch]] = []
        for script in able:
            differences = misses(script.call.when, asked)
            if not differences:
                used_up = used_up or script
                continue
            reason = f"no call of {self.name} matches; {script.call.id!r} wants {described(script.call.when)}"
            parted.append((len(differences), Mismatch(reason, script.call.id, tuple(differences))))
        return _why(used_up, parted, self.name, dialect)

    def _unmatched(self, dialect: Dialect | None) -> Script | None:
        match self._scenario.unmatched:
            case "echo" if dialect is not None:
                return self._echo
            case {"call": name}:
                script = next(script for script in self._scripts if script.call.id == name)
                return None if script.is_used_up else script
        return None

    def _recorded(self, request: Request, why: Mismatch, place: _Place) -> Found | Mismatch:
        """The recorded answer; where there is none either, why. One that a fault took the place of is still to come:
        the next attempt of its call hears it."""
        call, attempt, _ = place
        kept = self._withheld.pop(call, None) if attempt > 1 else None
        found = kept or (self._recording.find(request) if self._recording else why)
        if isinstance(found, Mismatch):
            return found if self._recording and not self._scripts else why
        try:
            laid = struck(self._laid, found.interaction, *place)
        except ValueError as error:
            return Mismatch(f"{found.interaction.id or 'the recorded answer'} cannot be played: {error}")
        if laid.timeline is not found.interaction.timeline:
            self._withheld[call] = found
        if self._history is None:
            self._attempts.answered(request, failed=not is_fine(laid.timeline))
        return replace(found, interaction=laid)

    # --- what it answers ---

    def _answer(self, script: Script, asked: Question, dialect: Dialect | None, place: _Place) -> Found | Mismatch:
        step = script.give()
        name, request = script.call.id, asked.request
        if step is None:
            count = len(script.call.sequence or ())
            return Mismatch(f"the sequence of {name!r} has {count} items, and all were given", name, exhausted=True)
        try:
            clean = self._clean(step, script.call, asked, dialect)
            own = Interaction(request, clean, name, MEANING)
            if step.fault is not None:
                own = self._by_itself(own, step.fault, script.call, dialect, place)
            made = self._as_sent(struck(self._laid, own, *place), step, script.call, dialect)
        except (DialectError, ValueError) as error:
            return Mismatch(f"{name!r} cannot answer: {error}", name)
        fine = is_fine(made.timeline)
        if self._history is None:
            self._attempts.answered(request, failed=made.timeline is not clean or not fine)
        if fine:
            self._states.change(asked.conversation if script.call.set else "", place[0], script.call.set)
        if made.timeline is not own.timeline and is_fine(own.timeline):
            self._struck[place[0]] = (script, step)  # should this attempt fail, it is still to come
        return Found(made, "rule")

    def _clean(self, step: Step, call: Call, asked: Question, dialect: Dialect | None) -> Timeline:
        """The answer as nothing has struck it. Kept, by all of the request that it depends on: a loop asks a thousand
        times, and the bytes are the same every time."""
        if dialect is not None and step.reply.raw is None:
            refuse_older(dialect, asked.request)
        timing = step.timing or call.timing or self._scenario.defaults.timing
        prompt = asked.prompt
        key = (id(step), dialect and dialect.name, prompt.model, prompt.stream, repr(prompt.parameters))
        made = self._made.get(key)
        if made is None:
            made = self._rendered(step, call, asked, dialect, timing)
            if not step.is_filled and not has_dice(timing):
                self._made[key] = made
        return made

    def _rendered(self, step: Step, call: Call, asked: Question, dialect: Dialect | None, timing: Timing) -> Timeline:
        reply = filled(step.reply, asked) if step.is_filled else step.reply
        delivery = reply.delivery or call.delivery or self._scenario.defaults.delivery
        request = asked.request
        if reply.raw is not None or dialect is None:
            answer, said = plain(reply, request, is_native=dialect is not None and dialect.name == _NATIVE), Said()
        else:
            meant, said = spoken(reply, dialect, asked.prompt, delivery.tokens or "words")
            answer = rendered(dialect, meant, asked.prompt, said.pieces)
        dice = self._dice(call.id, asked.call, asked.attempt)
        made = timeline(_carried(dialect, request, answer), answer, said, timing, dice)
        return delivered(made, delivery, dialect, request)

    def _by_itself(
        self, answer: Interaction, fault: Fault, call: Call, dialect: Dialect | None, place: _Place
    ) -> Interaction:
        """The answer with the fault that stands beside it in the file."""
        if not self._strikes(fault, call.id, place):
            return answer
        params = drawn(fault.params, self._dice(call.id, *place[:2]))
        name = dialect.name if dialect is not None else ""
        hit = strike_anywhere(fault.kind, params, answer.timeline, name, answer.request, plugins.fault)
        return replace(answer, timeline=hit)

    def _as_sent(self, answer: Interaction, step: Step, call: Call, dialect: Dialect | None) -> Interaction:
        delivery = step.reply.delivery or call.delivery or self._scenario.defaults.delivery
        if delivery.compress is None:
            return answer
        return replace(answer, timeline=compressed(answer.timeline, delivery, dialect, answer.request))

    def _strikes(self, fault: Fault, name: str, place: _Place) -> bool:
        return fault.probability is None or self._dice("fault", name, *place[:2]).random() < fault.probability

    def _dice(self, *what: object) -> Random:
        """Dice for one answer: other requests do not change what they show."""
        return Random("/".join(map(str, (self._scenario.clock.seed, *what))))  # noqa: S311 - the same in every run


def _fits(script: Script, asked: Question, verdicts: dict[int, bool]) -> bool:
    known = verdicts.get(id(script))
    if known is not None:
        return known
    fits = not misses(script.call.when, asked)
    if script.call.when.asks_the_request_alone:
        verdicts[id(script)] = fits
    return fits


def _carried(dialect: Dialect | None, request: Request, answer: tuple[Head, tuple[bytes, ...]]) -> tuple[int, ...]:
    """The numbers of the chunks that carry tokens; every one, where nobody can tell."""
    head, chunks = answer
    if dialect is None:
        return tuple(range(1, len(chunks) + 1))
    return token_chunks(dialect, request, head, chunks)


def _why(used_up: Script | None, parted: list[tuple[int, Mismatch]], source: str, dialect: Dialect | None) -> Mismatch:
    if used_up is not None:
        times, name = used_up.call.times, used_up.call.id
        return Mismatch(f"{name!r} answers {times} times, and did", name, exhausted=True)
    if parted:
        return min(parted, key=lambda pair: pair[0])[1]
    if dialect is None:
        return Mismatch(f"no dialect recognises this request, so {source} cannot tell what it asks")
    return Mismatch(f"{source} has no call that could answer")
