"""Stage: everything that a case needs fresh, made from what stays the same: the source, the rules, the subject."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from harness.backends import health_apart
from harness.engine import CassetteSource
from harness.errors import SweepError
from harness.matching import Rules
from harness.model import Case, Cassette
from harness.scenarios import ScenarioSource, compile_scenario, function_source, load_scenario
from harness.session import Session, replay
from harness.spec import Source
from harness.storage import load
from harness.sweeps._again import Again
from harness.sweeps._laid import Laid
from harness.sweeps._outcome import Terms
from harness.sweeps._schedule import Schedule

_CASSETTE = re.compile(rb'^(interactions:|\{|---\s*\ninteractions:)|^"?interactions"?\s*:', re.MULTILINE)
_RULES = ("ignore", "redact", "allow")
REAL_S_MAX: Final = 60.0
"""A run takes a hundredth of a second. A minute is no slow machine any more: it hangs where its clock cannot see it."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is swept. `run` takes the session, and what `setup` made where there is one; either may be async.

    `press` is how a sync subject is cancelled: called with what `setup` made, else with the session.
    `real_s_max` is how many seconds of real time one run may take before it is ended; None is no limit.
    """

    run: Callable[..., Any]
    setup: Callable[[Session], Any] | None = None
    press: Callable[[Any], object] | None = None
    terms: Terms = field(default_factory=Terms)
    seed: int = 0
    real_s_max: float | None = REAL_S_MAX

    @property
    def is_async(self) -> bool:
        """True where `run` gives a coroutine."""
        return inspect.iscoroutinefunction(self.run) or inspect.iscoroutinefunction(type(self.run).__call__)


@dataclass(frozen=True, slots=True)
class Opening:
    """A session that is not open yet, with what strikes in it."""

    session: Session
    laid: Laid
    again: Again | None

    def heal(self) -> None:
        """From here on the model answers as it was recorded."""
        self.laid.heal()
        if self.again is not None:
            self.again.heal()


def lay(
    session: Session,
    case: Case | None,
    make: Callable[[], Source] | None = None,
    fallback: Any = None,
    schedule: Schedule | None = None,
) -> Opening:
    """Let `case` strike in `session`, which is not open yet, and remember every answer. A recording gives an answer
    again that a fault took away; a scenario decides for itself. `make` gives a fresh source once all is healed.
    `schedule` moves the answers in time."""
    source = session.plan.source
    scripted = isinstance(source, ScenarioSource)
    again = None if scripted else Again(make or _afresh(source), fallback)
    laid = Laid(case, again, session.plan.overlay, schedule)
    session.plan = replace(session.plan, source=again or source, overlay=laid, unplayed="ignore")
    return Opening(session, laid, again)


def _afresh(source: Source) -> Callable[[], Source]:
    return source.afresh if isinstance(source, CassetteSource) else lambda: source


class Stage:
    """Makes one Opening for each case. What is read from files is read once."""

    def __init__(
        self, source: Any, *, scenario_case: str | None = None, fallback: Any = None, options: Mapping[str, Any]
    ) -> None:
        """Raises CassetteError, ScenarioError, SweepError for a source that can be used only once."""
        self._options = options
        self.rules = Rules.of(**{key: options[key] for key in _RULES if key in options})
        self.name = ""
        self._make = self._maker(source, scenario_case)
        self._fallback = self._maker(fallback, None) if fallback is not None else None
        self.name = self.name or "a recording"

    def open(self, case: Case | None, schedule: Schedule | None = None) -> Opening:
        """Everything fresh for `case`; None is a run without faults."""
        source = self._make()
        session = replay(source, unplayed="ignore", **self._options)
        session.plan = replace(session.plan, cancels=tuple(getattr(source, "cancels", ())))
        return lay(session, case, self._make, self._fallback, schedule)

    def over(self, source: Any) -> Stage:
        """The same with another source: a Cassette, or a function that makes a fresh Source."""
        other = copy.copy(self)
        other._make = other._maker(source, None)  # noqa: SLF001 - it is one of us
        return other

    def _maker(self, source: Any, case: str | None) -> Callable[[], Source]:
        if isinstance(source, str | PathLike):
            path = Path(fspath(source))
            self.name = path.name
            if path.exists() and not _CASSETTE.search(path.read_bytes()):
                document = load_scenario(path, case)
                return lambda: compile_scenario(document, case)
            source = load(path)
        if isinstance(source, Cassette):
            return self._cassette(source)
        if isinstance(source, Source):
            message = (
                f"the source {source.name!r} knows what it has given, so a second run would find it used up\n"
                "  next: pass a path, a Cassette, or a function without parameters that makes a fresh one"
            )
            raise SweepError(message)
        return self._function(source)

    def _cassette(self, cassette: Cassette) -> Callable[[], Source]:
        kept, available = health_apart(cassette)
        repeat, matcher = self._options.get("on_exhausted") == "repeat", self._options.get("matcher")
        self.name = self.name or Path(cassette.name).name

        def make() -> Source:
            made = CassetteSource(kept, self.rules, repeat=repeat, matcher=matcher)
            made.available = available  # type: ignore[attr-defined] # read by whoever opens it
            return made

        return make

    def _function(self, source: Any) -> Callable[[], Source]:
        if not callable(source):
            message = f"{source!r} cannot be swept: pass a path, a Cassette, or a function that makes a Source"
            raise TypeError(message)
        self.name = self.name or str(getattr(source, "__name__", ""))
        if inspect.signature(source).parameters:
            return lambda: function_source(source)
        made: Callable[[], Source] = source
        return made
