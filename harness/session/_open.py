"""The verbs of the front door: replay, record, scenario, get_backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, get_args

from harness import plugins
from harness.backends import ReplayBackend, health_apart
from harness.engine import REPLAY, CassetteSource, Mode
from harness.errors import nearest
from harness.faults import FaultOverlay
from harness.live import choose
from harness.matching import Rules
from harness.model import Case, Cassette, Nanos, Problem, Prompt, Reply, Strike, as_seconds
from harness.recorder import Recorder
from harness.scenarios import Predicate, compile_scenario, function_source, load_scenario
from harness.session._clock import ClockChoice, Ticking
from harness.session._plan import Plan
from harness.session._session import Session
from harness.session._verify import Unplayed
from harness.session._words import checked_matcher, checked_word
from harness.spec import Matcher, Source
from harness.storage import LazyCassette, load, open_lazily
from harness.transports import host_patterns

AnyPath = str | PathLike[str]
Answer = Callable[[Prompt], str | Reply | Problem]
Faults = str | Case | Strike | Iterable[str | Case | Strike]
OnExhausted = Literal["error", "repeat"]


def replay(  # noqa: PLR0913 - the keywords of the front door
    source: AnyPath | Cassette | LazyCassette | Source | Answer,
    *,
    clock: ClockChoice = None,
    ignore: Iterable[str | Mapping[str, str]] = (),
    redact: Iterable[Mapping[str, str]] = (),
    allow: Iterable[str] = (),
    on_exhausted: OnExhausted = "error",
    unplayed: Unplayed = "fail",
    matcher: Matcher | None = None,
    faults: Faults = (),
    allowed_hosts: Iterable[str] = (),
    ignored_hosts: Iterable[str] = (),
    hint: str = "",
) -> Session:
    """Replay `source`: a path, a Cassette, a Source, or a function from Prompt to an answer. A large file is opened and
    read as it is used.

    Offline, and it never writes.

    `allowed_hosts` are patterns that the guard lets through (`db.local`, `127.0.0.1:5432`); requests to `ignored_hosts`
    go to the real server, neither answered nor recorded.
    `faults` are laid over the answers (`"call=2/chunk=5/kind=reset"`); the recording stays as it is, and one that never
    strikes fails the session. ValueError for what is no case and for a fault that is not known.
    `ignore` are JSON paths that take no part in matching (`"$.metadata.request_id"`, `{"path": ..., "regex": ...}`).
    Raises CassetteNotFoundError, CassetteError; ValueError where a keyword says what cannot be meant.
    """
    rules = Rules.of(ignore=ignore, redact=redact, allow=allow)
    asked, (source, available) = source, _health_apart(source)
    found, answers, title = _source(source, rules, repeat=_repeats(on_exhausted), matcher=matcher)
    plan = Plan(
        source=found,
        title=title,
        rules=rules,
        rights=REPLAY,
        answers=answers,
        unplayed=checked_word("unplayed", unplayed, get_args(Unplayed)),
        hint=hint or _hint(asked),
        allowed_hosts=host_patterns("allowed_hosts", allowed_hosts),
        ignored_hosts=host_patterns("ignored_hosts", ignored_hosts),
        available=available,
        overlay=_overlay(faults),
    )
    return Session(plan, Ticking(clock))


def record(  # noqa: PLR0913 - the keywords of the front door
    path: AnyPath,
    mode: str = "once",
    *,
    clock: ClockChoice = None,
    ignore: Iterable[str | Mapping[str, str]] = (),
    redact: Iterable[Mapping[str, str]] = (),
    allow: Iterable[str] = (),
    on_exhausted: OnExhausted = "error",
    unplayed: Unplayed = "fail",
    matcher: Matcher | None = None,
    allowed_hosts: Iterable[str] = (),
    ignored_hosts: Iterable[str] = (),
    hint: str = "",
    beside: AnyPath | None = None,
) -> Session:
    """Record `path` in `mode`: `none`, `once`, `new_episodes` or `all` with vcrpy's meaning, or `rewrite`
    to start anew.

    Everything is redacted before it is written. While recording, a journal lies beside the cassette (`*.journal`, worth
    a line in .gitignore); after a crash `harness recover` turns it into one. `beside` puts it beside another cassette,
    which this one will be a part of.
    Raises CassetteError where a cassette is there and cannot be read or a recording of it waits to be recovered, and
    CassetteNotFoundError in mode `none` without one. ValueError for an unknown mode.
    """
    rules = Rules.of(ignore=ignore, redact=redact, allow=allow)
    checked_matcher(matcher, recorded=True)
    chosen, rewrite = _mode(mode)
    target = Path(path)
    if chosen is Mode.NONE:
        load(target)  # the error of a missing cassette is raised here, before anything is opened
    recorder = Recorder(target, chosen, rules, rewrite=rewrite, beside=Path(beside) if beside is not None else None)
    before, available = health_apart(recorder.before)
    source = CassetteSource(before, rules, repeat=_repeats(on_exhausted), matcher=matcher)
    plan = Plan(
        source=source,
        title=f"cassette {target.name}",
        rules=rules,
        rights=recorder.rights,
        answers=len(before),
        available=available,
        recorder=recorder,
        unplayed=checked_word("unplayed", unplayed, get_args(Unplayed)),
        hint=hint or _hint(path),
        allowed_hosts=host_patterns("allowed_hosts", allowed_hosts),
        ignored_hosts=host_patterns("ignored_hosts", ignored_hosts),
    )
    return Session(plan, Ticking(clock, installs=not recorder.rights.records))


def scenario(
    path: AnyPath,
    case: str | None = None,
    *,
    clock: ClockChoice = None,
    unplayed: Unplayed = "fail",
    faults: Faults = (),
    allowed_hosts: Iterable[str] = (),
    ignored_hosts: Iterable[str] = (),
    predicates: Mapping[str, Predicate] | None = None,
) -> Session:
    """Play the scenario at `path`, in one of its cases, with further `faults` laid over it.

    `predicates` are the rules in Python that its matchers name: each takes a Prompt and says whether the call is for
    it.
    Raises ScenarioError that lists every mistake with its line; ValueError where it has a matrix and no `case` says
    which of it, and for a predicate that is not there."""
    file = Path(path)
    written = load_scenario(file, case)
    source = compile_scenario(written, case, predicates)
    calendar = written.played(case)[0].clock
    seeded = f", seed {calendar.seed}" if calendar.seed is not None else ""
    title = f"scenario {file.name}" + (f", case {case}" if case else "") + seeded
    plan = Plan(
        source=source,
        title=title,
        rules=Rules(),
        rights=REPLAY,
        answers=source.answers,
        unplayed=checked_word("unplayed", unplayed, get_args(Unplayed)),
        hint=f"add a call to {file.name} whose `when` matches, or change the prompt",
        allowed_hosts=host_patterns("allowed_hosts", allowed_hosts),
        ignored_hosts=host_patterns("ignored_hosts", ignored_hosts),
        available=tuple(source.available),
        cancels=source.cancels,
        ignores_cancel=source.ignores_cancel,
        overlay=_overlay(faults),
        unstruck=source.unstruck,
        start=calendar.start,
        horizon_s=as_seconds(Nanos(calendar.horizon)) if calendar.horizon is not None else None,
    )
    return Session(plan, Ticking(clock))


def get_backend(name: str | None = None, **options: Any) -> Any:
    """A live backend by name, else by HARNESS_BACKEND. ValueError for an unknown name lists the known ones."""
    return choose(name, options)


def replay_backend(cassette: AnyPath, contract: Any = None, **options: Any) -> ReplayBackend:
    """The backend called `replay`: answers from `cassette`, with no session around it, so nothing is verified."""
    rules = Rules()
    source, available = _health_apart(cassette)
    found, answers, title = _source(source, rules, repeat=False, matcher=None)
    plan = Plan(
        source=found,
        title=title,
        rules=rules,
        rights=REPLAY,
        answers=answers,
        intercepts=False,
        available=available,
    )
    return Session(plan, Ticking(installs=False)).start().backend(contract, **options)


def _source(
    source: AnyPath | Cassette | LazyCassette | Source | Answer, rules: Rules, *, repeat: bool, matcher: Matcher | None
) -> tuple[Source, int, str]:
    """The source, how many answers it holds, and what to call it."""
    if isinstance(source, str | PathLike):
        source = open_lazily(Path(fspath(source)))
    checked_matcher(matcher, recorded=isinstance(source, Cassette | LazyCassette))
    if isinstance(source, Cassette | LazyCassette):
        made = CassetteSource(source, rules, repeat=repeat, matcher=matcher)
        return made, len(source), f"cassette {Path(source.name).name}".rstrip()
    if isinstance(source, Source):
        return source, len(source.unplayed()), source.name
    given: object = source
    if not callable(given):
        message = f"{given!r} cannot be replayed: pass a path, a Cassette, a Source, or a function of a Prompt"
        raise TypeError(message)
    return function_source(source), 1, f"function {getattr(source, '__name__', '')}".rstrip()


def _health_apart(source: Any) -> tuple[Any, tuple[bool, ...]]:
    """`source`, loaded where it is a path, and the health answers that it holds."""
    if isinstance(source, str | PathLike):
        source = open_lazily(Path(fspath(source)))
    return health_apart(source) if isinstance(source, Cassette) else (source, tuple(getattr(source, "available", ())))


def _overlay(cases: Faults) -> FaultOverlay | None:
    made = FaultOverlay.of([cases] if isinstance(cases, str | Case | Strike) else cases, plugins.fault)
    return made if made.armed else None


def _repeats(word: OnExhausted) -> bool:
    return checked_word("on_exhausted", word, get_args(OnExhausted)) == "repeat"


def _mode(word: str) -> tuple[Mode, bool]:
    if word == "rewrite":
        return Mode.ALL, True
    try:
        return Mode(word), False
    except ValueError:
        known = [*(mode.value for mode in Mode), "rewrite"]
        message = f"{word!r} is no record mode; the modes are {', '.join(known)}{nearest(word, known)}"
        raise ValueError(message) from None


def _hint(source: object) -> str:
    if not isinstance(source, str | PathLike):
        return "add the answer to the source, or change the prompt"
    return f"record it: harness.record({Path(fspath(source)).name!r}, mode='new_episodes') around the same code"
