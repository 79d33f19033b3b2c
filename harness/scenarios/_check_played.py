"""What only shows when an answer is made: that it can be said at all, and how long it is.

An answer that a request does not change is made here as it will be played. Where a fault or a cancel waits for chunk 99
of an answer that has 8 in every dialect that it could be asked in, that is a mistake of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Final

from harness.dialects import BUILT_IN, recognise
from harness.errors import DialectError
from harness.faults import token_chunks
from harness.model import Locator, Message, Prompt, Request, Timeline
from harness.scenarios._answer import plain, rendered, spoken
from harness.scenarios._delivery import delivered, timeline
from harness.scenarios._filling import is_filled
from harness.scenarios._pieces import Said
from harness.scenarios._reply import Delivery, Reply, Timing
from harness.scenarios._scenario import Call, Case, Scenario
from harness.scenarios._yaml import Document, Path
from harness.spec import Dialect

_ANYWHERE: Final = "https://model.invalid"
_COUNTED: Final = ("chunk", "token", "byte")
_NO_DICE: Final = Random(0)  # noqa: S311 - nothing is thrown: the timing has no dice in it


def check_played(scenario: Scenario, document: Document) -> None:
    """Every mistake, noted in `document`."""
    played = _Played(scenario)
    for path, reply in scenario.replies():
        wrong = played.refusal(reply, _call_of(scenario, path))
        if wrong:
            document.mistake(path, wrong)
    if document.places:
        return
    for path, place, case in _places(scenario):
        longest = 0
        for length in played.lengths(place, case):
            longest = max(longest, abs(int(place.index)) if length is None else length)
            if longest >= abs(int(place.index)):
                break
        else:
            what = f"{longest} {place.point}{'' if longest == 1 else 's'}"
            message = f"there is no {place.point} {place.index}: the longest answer that this could be has {what}"
            document.mistake(path, message)


class _Played:
    """The answers of a scenario, made once each."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        names = {scenario.provider, "native"}
        self._dialects = [one for one in BUILT_IN if one.renders and (scenario.provider == "any" or one.name in names)]

    def refusal(self, reply: Reply, call: Call | None) -> str | None:
        """Why `reply` cannot be said in the one dialect of its scenario; None where it can, or where nobody knows
        which it will be."""
        if self._scenario.provider == "any" or is_filled(reply) or not reply.says:
            tokens = self._delivery(reply, call).tokens
            return _wrong_tokens(reply, tokens) if isinstance(tokens, list) and not is_filled(reply) else None
        for dialect in self._dialects:
            if dialect.name == self._scenario.provider:
                first = self._tried(reply, call, dialect, stream=True)
                return first if first and self._tried(reply, call, dialect, stream=False) else None
        return None

    def _delivery(self, reply: Reply, call: Call | None) -> Delivery:
        own = reply.delivery or (call.delivery if call is not None else None)
        return own or self._scenario.defaults.delivery

    def _tried(self, reply: Reply, call: Call | None, dialect: Dialect, *, stream: bool) -> str | None:
        try:
            self._made(reply, call, dialect, stream=stream)
        except (DialectError, ValueError) as error:
            return str(error)
        return None

    def lengths(self, place: Locator, case: Case | None) -> Iterator[int | None]:
        """How many chunks, tokens or bytes each answer has that `place` can be in, in each dialect that it can be asked
        in; None where nobody knows."""
        anyone = place.call == "*" or place.call.isdecimal()
        if self._scenario.unmatched == "echo" and anyone:
            yield None
        for call in self._scenario.calls:
            if anyone or place.call == call.id:
                for reply in _answers(call, case, self._scenario):
                    yield from self._of(reply, call, place.point)
        if self._scenario.recording is not None and anyone:
            yield from (_length(answer.timeline, place.point, answer.request) for answer in self._scenario.recording)

    def _of(self, reply: Reply, call: Call, point: str) -> Iterator[int | None]:
        if is_filled(reply):
            yield None
            return
        for dialect in self._dialects:
            for stream in (True, False):
                try:
                    made, request = self._made(reply, call, dialect, stream=stream)
                except (DialectError, ValueError):
                    continue
                yield _length(made, point, request)

    def _made(self, reply: Reply, call: Call | None, dialect: Dialect, *, stream: bool) -> tuple[Timeline, Request]:
        prompt = Prompt((Message("user", "?"),), "model", stream=stream)
        request = dialect.encode(prompt, _ANYWHERE)
        delivery = self._delivery(reply, call)
        if reply.raw is not None:
            answer, said = plain(reply, request), Said()
        else:
            meant, said = spoken(reply, dialect, prompt, delivery.tokens or "words")
            answer = rendered(dialect, meant, prompt, said.pieces)
        carried = token_chunks(dialect, request, *answer)
        return delivered(timeline(carried, answer, said, Timing(), _NO_DICE), delivery, dialect, request), request


def _wrong_tokens(reply: Reply, tokens: list[str]) -> str | None:
    if reply.text is None or "".join(tokens) == reply.text:
        return None
    return f"the tokens of its delivery joined are {''.join(tokens)!r}, and the text is {reply.text!r}"


def _length(timeline: Timeline, point: str, request: Request) -> int:
    if point == "byte":
        return len(timeline.body)
    known = recognise(request) if point == "token" else None
    if known is None or timeline.head is None:
        return len(timeline.chunks)
    return len(token_chunks(known[0], request, timeline.head, timeline.chunks))


def _answers(call: Call, case: Case | None, scenario: Scenario) -> Iterable[Reply]:
    """What `call` may answer in `case`."""
    if case is not None and call.id in case.replies:
        return [case.replies[call.id]]
    if case is not None and case.reply is not None and len(scenario.calls) == 1:
        return [case.reply]
    given = call.sequence if call.sequence is not None else [call.reply]
    return [reply for reply in given if reply is not None and reply.says]


def _call_of(scenario: Scenario, path: Path) -> Call | None:
    """The call that the reply at `path` is one of."""
    match path:
        case ("calls", int(number), *_):
            return scenario.calls[number]
        case ("cases", _, "replies", str(name)):
            return next((call for call in scenario.calls if call.id == name), None)
    return scenario.calls[0] if len(scenario.calls) == 1 else None


def _places(scenario: Scenario) -> Iterator[tuple[Path, Locator, Case | None]]:
    """Every place with a number in an answer, and the case in which it is meant."""
    placed: dict[Path, tuple[str, Case | None]] = {}
    for number, call in enumerate(scenario.calls):
        for place, fault in enumerate(call.faults):
            rest = "".join(fault.at.partition("/")[1:])
            placed["calls", number, "faults", place, "at"] = f"call={call.id}{rest}", None
    for name, laid in (("overlay", scenario.overlay), ("faults", scenario.faults)):
        for number, one in enumerate(laid):
            placed[name, number, "at"] = one.at, None
    if scenario.cancel is not None:
        placed["cancel", "at"] = scenario.cancel.at, None
    for number, case in enumerate(scenario.cases):
        for place, fault in enumerate(case.faults):
            placed["cases", number, "faults", place, "at"] = fault.at, case
        if case.cancel is not None:
            placed["cases", number, "cancel", "at"] = case.cancel.at, case
    yield from _numbered(placed)


def _numbered(placed: Mapping[Path, tuple[str, Case | None]]) -> Iterator[tuple[Path, Locator, Case | None]]:
    for path, (text, case) in placed.items():
        place = Locator.parse(text)
        if place.point in _COUNTED and place.index != "*":
            yield path, place, case
