"""From a scenario, or from a plain function, to a Source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.dialects import MEANING, recognise
from harness.errors import DialectError
from harness.model import Interaction, Problem, Prompt, Reply, Request, Timeline
from harness.scenarios._answer import refuse_older, rendered
from harness.scenarios._pieces import words
from harness.scenarios._question import Predicate
from harness.scenarios._scenario import Scenario
from harness.scenarios._source import ScenarioSource
from harness.spec import Found, Mismatch, Source


def compile_scenario(
    scenario: Scenario, case: str | None = None, predicates: Mapping[str, Predicate] | None = None
) -> ScenarioSource:
    """A fresh Source over `scenario`, in `case`, one of its `case_ids`.

    Raises ValueError for a case that it does not have, where it has to have one, and for a predicate that its matchers
    name and `predicates` lacks."""
    played, chosen = scenario.played(case)
    return ScenarioSource(played, chosen, recording=played.recording, predicates=predicates)


def function_source(answer: Callable[[Prompt], str | Reply | Problem]) -> Source:
    """A Source that asks `answer` for each request, in whatever dialect it came. A text is an answer that stops by
    itself. What `answer` raises comes out of the request; TypeError where it returns anything else."""
    return _FunctionSource(answer)


class _FunctionSource:
    def __init__(self, answer: Callable[[Prompt], str | Reply | Problem]) -> None:
        self.name = str(getattr(answer, "__name__", "function"))
        self._answer = answer

    def find(self, request: Request) -> Found | Mismatch:
        known = recognise(request)
        if known is None:
            return Mismatch(f"no dialect recognises this request, so {self.name} cannot be asked")
        dialect = known[0]
        try:
            prompt = dialect.prompt(request)
        except DialectError as error:
            return Mismatch(str(error), self.name)
        reply = _reply(self._answer(prompt), self.name)
        try:
            refuse_older(dialect, request)
            head, chunks = rendered(dialect, reply, prompt, words(reply.text))
        except DialectError as error:
            return Mismatch(f"{self.name} answered what {dialect.name} cannot say: {error}", self.name)
        return Found(Interaction(request, Timeline.of(head, chunks), self.name, MEANING), "function")

    def unplayed(self) -> Sequence[str]:
        return ()


def _reply(answer: object, name: str) -> Reply:
    match answer:
        case str():
            return Reply(text=answer, finish="stop")
        case Reply():
            return answer
        case Problem():
            return Reply(problem=answer)
    message = f"{name} returned {type(answer).__name__}: a function source returns a str, a Reply or a Problem"
    raise TypeError(message)
