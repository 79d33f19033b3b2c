"""Shorter: as little of a recording as still shows one failure.

What is left has to stand by itself: without the fault the subject passes on it, with the fault it breaks the same
promise. Rules:

1. The answers of the run without faults are cut, whatever gave them: a cassette, a scenario or a function.
2. The driver makes the requests, and what it says next may depend on what it heard. So each candidate is first played
   in order, whatever is asked, and what was asked then becomes the requests of the recording.
3. One leap first, over all that lies between the fault and the end of its answer; then blocks by halves, from the end.
   A chunk that is left out before the fault moves its place along.
4. So many tries and no more: a recording that could have been shorter still is shorter.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from harness.dialects import MEANING
from harness.errors import CassetteError, SecretFoundError
from harness.matching import Rules, refuse_secrets
from harness.model import Case, Cassette, Chunk, Interaction, Nanos, Request, Strike, Timeline
from harness.spec import Found, Mismatch
from harness.storage import save
from harness.sweeps._baseline import passes
from harness.sweeps._laid import Seen
from harness.sweeps._orders import order_of
from harness.sweeps._outcome import Outcome
from harness.sweeps._overlaps import overlaps
from harness.sweeps._report import CaseReport, Shorter
from harness.sweeps._schedule import Schedule
from harness.sweeps._verdict import Checker, judge

TRIES_MAX: Final = 16
"""So many recordings are tried at most for one failure, of two runs each."""
ALL_TRIES_MAX: Final = 48
"""And for all failures of a sweep together."""
_END: Final = 2
"""The chunks at the end of an answer that the leap keeps: providers say in them that it is one."""
_BEYOND: Final = 1
"""And those behind the fault: without any, a part of the answer would be the whole of it."""
NEEDS_A_TWIN: Final = "deterministic"


@dataclass(frozen=True, slots=True)
class Shortens:
    """How a sweep makes recordings shorter. `over` takes another source and gives what `Sweep` calls `once`; `rules`
    say what is secret. `folder` is where they are written, None for nowhere, and `repro` the line for one of them, with
    `{path}` and `{case}` in it."""

    over: Callable[[Any], Callable[..., Outcome]]
    rules: Rules
    folder: Path | None = None
    repro: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    """What is left: the answers in order, each known by its call and attempt, and the case with its place in them."""

    answers: tuple[tuple[str, str, Timeline], ...]
    case: Case

    @classmethod
    def of(cls, seen: Sequence[Seen], case: Case) -> _State:
        return cls(tuple((str(one.call), str(one.attempt), one.answer.timeline) for one in seen), case)

    @property
    def chunks(self) -> int:
        return sum(len(timeline.chunks) for _, _, timeline in self.answers)

    def without(self, number: int, dropped: range) -> _State | None:
        """Less the chunks `dropped` (from one) of answer `number` (from zero); None where the fault is at one."""
        call, attempt, timeline = self.answers[number]
        strikes = [_moved(strike, call, attempt, dropped) for strike in self.case.strikes]
        if any(strike is None for strike in strikes):
            return None
        cut = (call, attempt, _cut(timeline, dropped))
        answers = (*self.answers[:number], cut, *self.answers[number + 1 :])
        return _State(answers, Case(tuple(strike for strike in strikes if strike is not None)))

    def place_in(self, number: int) -> int:
        """The chunk of answer `number` at which the case strikes; 0 for none."""
        call, attempt, _ = self.answers[number]
        places = [strike.at for strike in self.case.strikes if _is_at(strike, call, attempt)]
        return max((int(at.index) for at in places if at.point == "chunk" and at.index.isdecimal()), default=0)


class Shortener:
    """Makes recordings shorter, for the failures of one sweep. It counts its tries over all of them."""

    def __init__(
        self,
        how: Shortens,
        seen: Sequence[Seen],
        horizon: Nanos,
        checkers: Mapping[str, Checker],
        notes: list[str],
    ) -> None:
        """`seen` are the answers of the run without faults; `notes` hears why a recording was not written."""
        self._how = how
        self._seen = seen
        self._horizon = horizon
        self._checkers = checkers
        self._notes = notes
        self._tries = ALL_TRIES_MAX

    def __call__(self, report: CaseReport, checker: str) -> Shorter | None:
        """The recording that shows the failure of `report`; None where nothing could be left out."""
        if checker == NEEDS_A_TWIN or checker not in self._checkers:
            return None
        search = _Search(min(TRIES_MAX, self._tries), lambda state: self._fails(state, checker))
        whole = _State.of(self._seen, report.case)
        search.run(whole, len(report.outcome.seen))
        self._tries -= search.tried
        if search.best is None or not self._stands(search.recording):
            return None
        found = Shorter(search.recording, search.best.case, search.best.chunks, whole.chunks)
        return self._written(found, f"{checker}.{_file_name(report.case)}.yaml")

    def _fails(self, state: _State, checker: str) -> Cassette | None:
        """The recording of `state`, where the subject passes on it and breaks the promise under the case."""
        timelines = [timeline for _, _, timeline in state.answers]
        calm = self._how.over(lambda: _InOrder(timelines))(None, self._horizon, heals=False)
        if not passes(calm):
            return None
        asked = [self._how.rules.redaction.interaction(one.answer) for one in calm.seen]
        recording = Cassette(tuple(asked), "shorter")
        once = self._how.over(recording)
        moved = self._moved(once, calm, state.case)
        heals = checker == "reusable-after-fault"
        struck = once(state.case, self._horizon, heals=heals, **moved)
        broken = judge(struck, calm, {checker: self._checkers[checker]})[1]
        return recording if broken and struck.struck else None

    def _moved(self, once: Callable[..., Outcome], calm: Outcome, case: Case) -> dict[str, Schedule]:
        if not order_of(case):
            return {}
        slowed = overlaps(calm, lambda slow: once(None, self._horizon, heals=False, schedule=slow))
        found = slowed.schedule(case)
        return {"schedule": found} if found is not None else {}

    def _stands(self, recording: Cassette) -> bool:
        """True where the subject passes on it as it will be read, by what is asked and not by the order."""
        return passes(self._how.over(recording)(None, self._horizon, heals=False))

    def _written(self, one: Shorter, name: str) -> Shorter:
        """`one` in the folder. What cannot be written is no reason to lose a sweep, so it is noted."""
        if self._how.folder is None:
            return one
        path = self._how.folder / name
        try:
            refuse_secrets([*enumerate(one.recording, 1)], self._how.rules, str(path))
            save(path, one.recording)
        except (SecretFoundError, CassetteError) as error:
            self._notes.append(str(error))
            return one
        case = str(one.case)
        repro = self._how.repro.replace("{path!r}", repr(str(path))).replace("{path}", shlex.quote(str(path)))
        return replace(one, path=str(path), repro=repro.replace("{case!r}", repr(case)).replace("{case}", case))


class _Search:
    """One search. `best` is the smallest that failed, `recording` its recording."""

    def __init__(self, tries: int, fails: Callable[[_State], Cassette | None]) -> None:
        self.tried = 0
        self.best: _State | None = None
        self.recording = Cassette()
        self._tries = tries
        self._fails = fails

    def run(self, state: _State, asked: int) -> None:
        """Make `state` smaller; the failing run asked for so many answers."""
        if 0 < asked < len(state.answers):  # what comes later was not reached; some drivers never ask for it either
            state = self._smaller(state, replace(state, answers=state.answers[:asked])) or state
        order = sorted(range(len(state.answers)), key=lambda number: not state.place_in(number))
        for number in order:
            place = max(1, state.place_in(number)) + _BEYOND
            rest = range(place + 1, len(state.answers[number][2].chunks) - _END + 1)
            state = (self._smaller(state, state.without(number, rest)) if len(rest) > 1 else None) or state
        for number in order:
            state = self._by_halves(state, number)

    def _by_halves(self, state: _State, number: int) -> _State:
        size = (len(state.answers[number][2].chunks) + 1) // 2
        while size:
            for block in _blocks(len(state.answers[number][2].chunks), size):
                state = self._smaller(state, state.without(number, block)) or state
            size //= 2
        return state

    def _smaller(self, state: _State, candidate: _State | None) -> _State | None:
        if candidate is None or candidate.chunks >= state.chunks or self.tried >= self._tries:
            return None
        self.tried += 1
        recording = self._fails(candidate)
        if recording is None:
            return None
        self.best, self.recording = candidate, recording
        return candidate


class _InOrder:
    """A Source that answers whatever is asked with the next timeline. Stateful."""

    name = "shorter"

    def __init__(self, timelines: Sequence[Timeline]) -> None:
        self._left = list(reversed(timelines))

    def find(self, request: Request) -> Found | Mismatch:
        if not self._left:
            return Mismatch("everything that is left of the recording was asked for")
        return Found(Interaction(request, self._left.pop(), meaning=MEANING), "order")

    def unplayed(self) -> Sequence[str]:
        return ()


def _blocks(length: int, size: int) -> Iterator[range]:
    """Blocks of `size`, from the end, so that the numbers of those to come stay what they are."""
    for start in range(length - size, -size, -size):
        yield range(max(start, 0) + 1, start + size + 1)


def _cut(timeline: Timeline, dropped: range) -> Timeline:
    kept, number = [], 0
    for at, event in timeline.events:
        number += isinstance(event, Chunk)
        if not (isinstance(event, Chunk) and number in dropped):
            kept.append((at, event))
    return replace(timeline, events=tuple(kept))


def _moved(strike: Strike, call: str, attempt: str, dropped: range) -> Strike | None:
    """`strike` at the place that it has once `dropped` is gone; None where its place is gone with it."""
    at = strike.at
    if at.point != "chunk" or not at.index.isdecimal() or not _is_at(strike, call, attempt):
        return strike
    if int(at.index) in dropped:
        return None
    before = sum(number < int(at.index) for number in dropped)
    return replace(strike, at=replace(at, index=str(int(at.index) - before)))


def _is_at(strike: Strike, call: str, attempt: str) -> bool:
    return (strike.at.call, strike.at.attempt) == (call, attempt)


def _file_name(case: Case) -> str:
    return "-then-".join(strike.kind for strike in case.strikes)
