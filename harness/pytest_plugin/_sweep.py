"""A sweep of tests: each case is the test run once more, as an item of its own, with one fault in its session.

A test takes fixtures, so a case cannot be a call of it: pytest runs it. The places are learnt when tests are collected,
by running the test without faults; every worker of pytest-xdist does that and comes to the same names, because they are
those of the places.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from unittest import TestCase

import pytest
from _pytest import python
from _pytest.runner import runtestprotocol

from harness.errors import SubjectFailsError, SweepError
from harness.model import Case
from harness.pytest_plugin import _sweep_ask as ask
from harness.pytest_plugin._owners import FIXTURES, markers
from harness.pytest_plugin._run import run_of
from harness.pytest_plugin._sweep_left import let_go
from harness.pytest_plugin._sweep_lines import measured
from harness.pytest_plugin._sweep_refused import Refused, is_plain, nothing
from harness.pytest_plugin._sweep_whole import WHOLE
from harness.pytest_plugin._swept import CANCEL, SWEPT, Swept, Twin
from harness.pytest_plugin._unwritten import unwritten

if TYPE_CHECKING:  # loads the session; only a sweep pays for it
    import ssl

    from harness.model import Nanos
    from harness.sweeps import Outcome, Sweep

MARKER: Final = "harness_sweep"
_KEYWORDS: Final = (
    "kinds",
    "tier",
    "contract",
    "invariants",
    "checkers",
    "modes",
    "budget",
    "seed",
    "known",
    "attempts_max",
    "idempotent",
    "cancel",
    "schedules",
)
CONTEXTS: Final[pytest.StashKey[dict[str, ssl.SSLContext]]] = pytest.StashKey()
"""Those of this run: a client reads the authorities anew each time, which takes longer than a case does."""
PART: Final = 10
"""How many subtests an item of a full sweep has: few, because pytest-xdist gives a worker two items ahead, and those
are what the others wait for in the end. By the CPU of the busiest of four workers, parts of two hundred came to 1.9
times the speed of one, and parts of ten to 3.0; the first sweep was half as large, so not all of that is theirs."""


def add_options(group: Any) -> None:
    """What one may say on the command line."""
    group.addoption(
        "--harness-sweep",
        action="store_true",
        help="run each test that replays again for every fault at every place of its recording",
    )
    group.addoption("--harness-sweep-kinds", metavar="WORDS", help="which faults, as 'default -http-* +cancel'")
    group.addoption("--harness-sweep-tier", metavar="TIER", help="smart (default), full, or sample:200")
    group.addoption("--harness-sweep-seed", type=int, metavar="N", help="of a sample, and of the dice of the tests")
    group.addoption(
        "--harness-sweep-coverage",
        action="store_true",
        help="say which lines only ever ran under a fault, as coverage.py sees it, and which handlers never did",
    )
    group.addoption("--harness-sweep-html", metavar="PATH", help="a page about all swept tests, which loads nothing")
    group.addoption("--harness-sweep-json", metavar="PATH", help="the same as JSON")
    group.addoption(
        "--harness-case",
        action="append",
        metavar="CASE",
        help="run each test that replays with 'call=2/chunk=17/kind=reset', say, alone; may be given again",
    )


def of_one_case(made: Any, config: pytest.Config) -> Any:
    """What was collected for a function, and the cases of it that the command line asks for by their names."""
    if not isinstance(made, list) or not any("/kind=" in arg for arg in config.args):
        return made
    items = [item for item in made if isinstance(item, pytest.Function)]
    named = [copy for item in items for arg in config.args if (copy := _named(item, arg)) is not None]
    return [*made, *named]


def _named(item: pytest.Function, arg: str) -> pytest.Function | None:
    path, bracket, rest = arg.partition("[")
    name = path.rpartition("::")[2] + bracket + rest
    head = _name(item, "")
    if not name.startswith(head.rstrip("]")) or "/kind=" not in name:
        return None
    text = name.removeprefix(head.rstrip("]")).rstrip("]")
    return _copy(item, _case(text)) if _name(item, text) == name else None


def sweep(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put in place of each test that is swept itself and its cases. Raises pytest.UsageError for options that cannot be
    meant."""
    alone = config.getoption("harness_case")
    if run_of(config).modes.decide(None) != "none":
        return  # it records: there is nothing to break yet
    found: list[pytest.Item] = []
    for item in items:
        swept = item.stash.get(SWEPT, None)
        if swept is not None:  # asked for by its name
            _learn(swept, item)
            found.append(item)
        elif isinstance(item, pytest.Function) and _is_swept(item, config):
            found += _some(item, [_case(text) for text in alone]) if alone else _all(item)
        else:
            found.append(item)
    if config.getoption("harness_sweep") and found == items and all(map(is_plain, items)):
        found += [Refused.from_parent(item.session, name="sweep", error=nothing(items)) for item in items[:1]]
    items[:] = found


def _is_swept(item: pytest.Function, config: pytest.Config) -> bool:
    marked = item.get_closest_marker(MARKER) is not None
    asked = config.getoption("harness_sweep") or config.getoption("harness_case")
    return marked or bool(asked and (markers(item) or FIXTURES & set(item.fixturenames)))


def _all(item: pytest.Function) -> list[pytest.Item]:
    try:
        swept = _made(item)
        cases = [*swept.planned().cases, *(one.case for one in swept.known.values())]
    except SweepError as error:
        return [_refused(item, error)]
    copies = [_copy(item, case, swept, is_planned=True) for case in dict.fromkeys(cases)]
    return [item, *(_in_parts(item, copies) if swept.tier.name == "full" else copies)]


def _in_parts(item: pytest.Function, copies: Sequence[pytest.Function]) -> Iterator[pytest.Item]:
    """A full sweep has too many cases for an item each: they are subtests of a few, which workers can share."""
    parts = [copies[place : place + PART] for place in range(0, len(copies), PART)]
    for number, part in enumerate(parts, 1):
        whole = _copy(item, Case(()), name=f"full={number}of{len(parts)}")
        del whole.stash[SWEPT]
        whole.stash[WHOLE] = part
        yield whole


def _some(item: pytest.Function, cases: Sequence[Case]) -> list[pytest.Item]:
    try:
        swept = _made(item)
        swept.refuse(cases)
    except SweepError as error:
        return [_refused(item, error)]
    return [_copy(item, case, swept) for case in cases]


def _refused(item: pytest.Function, error: SweepError) -> pytest.Item:
    refused: pytest.Item = Refused.from_parent(_parent(item), name=f"{item.name}[sweep]", error=error)
    return refused


def _learn(swept: Swept, item: pytest.Item) -> None:
    """The baseline of a case that was asked for by its name. What it raises is told where it is run."""
    origin = swept.origin
    try:
        made = _made(origin)
        made.refuse([_struck(swept)])
        _due(swept, _struck(swept), made)
    except SweepError as error:
        swept.error = error
    item.keywords.setdefault(MARKER, True)


def _struck(swept: Swept) -> Case:
    assert swept.case is not None, "it was asked for by its name"
    return swept.case


def _made(item: pytest.Function) -> Sweep:
    """The sweep of `item`, with its baseline learnt."""
    from harness.sweeps import Sweep, Tier, checkers, chosen, known_failures  # noqa: PLC0415 - loads the session

    said = _said(item)
    cancel = said.get("cancel")
    terms = ask.terms_of(said)
    asked = checkers(said.get("invariants"), said.get("checkers", ()))
    made = Sweep(
        item.nodeid,
        lambda case, horizon, **keywords: _run(item, case, horizon, terms, frozenset(asked), **keywords),
        terms=terms,
        can_cancel=inspect.iscoroutinefunction(item.function) or callable(cancel),
        seed=said.get("seed", 0),
        kinds=[
            kind
            for kind in chosen(said.get("kinds", "default"), said.get("schedules"))
            if cancel is not False or kind != CANCEL
        ],
        tier=Tier.parse(said.get("tier", "smart"), said.get("budget")),
        modes=said.get("modes", ("once", "persistent")),
        checkers=asked,
        known=known_failures(said.get("known", ())),
        repro=_repro(item),
    )
    made.needs_orders = said.get("schedules") is True
    made.learn()
    ask.refuse_or_note(made, item, said.get("invariants"))
    return made


def _said(item: pytest.Function) -> Mapping[str, Any]:
    mark = item.get_closest_marker(MARKER)
    said = dict(mark.kwargs) if mark is not None else {}
    strange = sorted(set(said) - set(_KEYWORDS))
    if strange or (mark is not None and mark.args):
        given = ", ".join([*map(repr, mark.args if mark is not None else ()), *strange])
        message = f"{item.nodeid}: @pytest.mark.{MARKER} does not take {given}; it takes {', '.join(_KEYWORDS)}"
        raise pytest.UsageError(message)
    for key in ("kinds", "tier", "seed"):
        option = item.config.getoption(f"harness_sweep_{key}")
        if option is not None:
            said[key] = option
    return said


def _run(
    item: pytest.Function, case: Case | None, horizon: Nanos, terms: Any, asks: frozenset[str], **keywords: Any
) -> Outcome:
    """Run `item` itself, as it is, and tell what came of it. Raises SubjectFailsError where it does not pass."""
    said = _said(item)
    swept = item.stash[SWEPT] = Swept(
        item,
        case,
        terms=terms,
        horizon=horizon,
        seed=said.get("seed", 0),
        asks=asks,
        is_tried_again=case is None and ask.can_be_called_twice(item) and "reusable-after-fault" in asks,
        **keywords,
    )
    try:
        with seeded(item):
            reports: Sequence[pytest.TestReport] = runtestprotocol(item, log=False, nextitem=None)
    finally:
        del item.stash[SWEPT]
    item.stash[ask.IN_REAL_TIME] = swept.is_in_real_time
    bad = next((report for report in reports if not report.passed), None)
    if bad is not None and (case is None or swept.outcome is None):
        word = "is skipped" if bad.skipped else "fails without any fault"
        message = f"{item.nodeid} {word}, so it cannot be swept:\n{bad.longreprtext}\n  next: make it pass, then sweep"
        raise SubjectFailsError(message)
    if swept.outcome is None:
        message = (
            f"{item.nodeid} opened no session that replays, so there is no place to break\n  next: mark it harness"
        )
        raise SubjectFailsError(message)
    return swept.outcome


def _copy(
    item: pytest.Function, case: Case, sweep: Sweep | None = None, *, is_planned: bool = False, name: str = ""
) -> pytest.Function:
    """`item` once more, as an item of its own. Fixtures, parameters and marks are those of `item`."""
    made: pytest.Function = type(item).from_parent(
        _parent(item),
        name=_name(item, name or str(case)),
        fixtureinfo=item._fixtureinfo,  # noqa: SLF001 - the only way to keep what was found for it
        originalname=item.originalname,
        callspec=_callspec(item, name or str(case)),
        **_called(item),
    )
    if _is_of_testcase(item):
        made.location  # noqa: B018 - it is kept from its first use on, and is that of the case
        made.name = item.name  # which its method is looked up by, also when it is over
        for made_of_the_case in ("_instance", "_obj"):
            vars(made).pop(made_of_the_case, None)  # pytest makes both anew, by that name
    made.own_markers = list(item.own_markers)
    made.keywords.update({mark.name: mark for mark in item.own_markers})
    said = _said(item)
    swept = made.stash[SWEPT] = Swept(
        item, case, is_planned=is_planned, seed=said.get("seed", 0), press=said.get("cancel") or None
    )
    if sweep is not None:
        _due(swept, case, sweep)
    return made


def _due(swept: Swept, case: Case, sweep: Sweep) -> None:
    """What `sweep` asks of `case`."""
    swept.sweep, swept.asks, swept.schedule = sweep, frozenset(sweep.checkers), sweep.schedule(case)
    if case.strikes:  # of a whole, each part is asked for itself
        swept.is_tried_again, swept.is_run_twice = sweep.is_tried_again(case), sweep.is_run_twice(case)


def run_twin(item: pytest.Item) -> None:
    """Where `item` is a case that is due twice: run it once before, aside, with fixtures of its own."""
    swept = item.stash.get(SWEPT, None)
    if swept is None or not swept.is_run_twice or swept.sweep is None or swept.case is None:
        return
    copy = _copy(swept.origin, swept.case)
    twin = copy.stash[SWEPT]
    twin.schedule = swept.schedule
    twin.is_aside, twin.terms, twin.horizon = True, swept.sweep.terms, swept.sweep.horizon
    with seeded(copy):
        runtestprotocol(copy, log=False, nextitem=item)
    swept.twin = Twin(twin.trace, twin.outcome.digest) if twin.outcome is not None else None
    let_go(copy)


def _called(item: pytest.Function) -> dict[str, Any]:
    """A TestCase finds its method by the name of the item, which is that of the case here."""
    return {"callobj": getattr(item.cls, item.name)} if _is_of_testcase(item) else {}


def _is_of_testcase(item: pytest.Item) -> bool:
    cls = getattr(item, "cls", None)
    return isinstance(cls, type) and issubclass(cls, TestCase)


def _repro(item: pytest.Function) -> str:
    """What to type for a case. pytest finds the tests of a TestCase by the names of its methods alone."""
    dice = ask.dice_of(item.config)
    if _is_of_testcase(item):
        return f"pytest '{item.nodeid}' --harness-case '{{case}}'{dice}"
    return "pytest '" + _name(item, "{case}", item.nodeid) + f"'{dice}"


def _callspec(item: pytest.Function, name: str) -> Any:
    """The parameters of `item`, and `name` as one more part of its id: pytest makes an item's id of nothing else."""
    kind: Any = getattr(python, "CallSpec", None) or python.CallSpec2
    spec = getattr(item, "callspec", None) or kind()
    return replace(spec, _idlist=(*spec._idlist, name))  # noqa: SLF001 - see above


def _parent(item: pytest.Item) -> pytest.Collector:
    assert item.parent is not None, "an item that was collected has a parent"
    return item.parent


def _name(item: pytest.Item, case: str, start: str = "") -> str:
    """What a case of `item` is called: `test_agent[CASE]`, or `test_agent[parameters-CASE]`."""
    name = start or item.name
    return f"{name.removesuffix(']')}-{case}]" if name.endswith("]") else f"{name}[{case}]"


def _case(text: str) -> Case:
    from harness.sweeps import read_case  # noqa: PLC0415 - loads the session, which a swept test needs anyway

    try:
        return read_case(text)
    except SweepError as error:
        raise pytest.UsageError(str(error)) from error


@contextmanager
def seeded(item: pytest.Item) -> Iterator[None]:
    """Around all of a swept run: the dice are the same each time, and so is the name of the test, which its snapshots
    and its folders are called by."""
    swept = item.stash.get(SWEPT, None)
    if swept is None:
        yield
        return
    from harness.sweeps import one_tls_context, same_dice  # noqa: PLC0415 - loads the session, which a swept test needs anyway

    name = item.name
    item.location  # noqa: B018 - it is kept from its first use on, and is that of the case
    item.name = swept.origin.name
    try:
        with (
            same_dice(swept.seed),
            one_tls_context(item.config.stash.setdefault(CONTEXTS, {})),
            measured(item, faulted=swept.case is not None),
            unwritten(item.config, faulted=swept.case is not None),
        ):
            yield
    finally:
        item.name = name
