"""What a fault promises, each promise with a trial that judges it alone: for built-in faults and those of plugins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.dialects import BUILT_IN, decode
from harness.faults._check import Particular
from harness.faults._fault import NoPlaceError
from harness.faults._samples import samples
from harness.model import Interaction, Json, Reply, Timeline, Unknown
from harness.spec import Asked, Fault, FaultSite, Params

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")
_PARAM: Final = re.compile(r"[a-z][a-z0-9_]*")
_POINTS: Final = frozenset({"connect", "headers", "end", "chunk"})
_NO_VALUE: Final[Json] = [[]]
"""What no parameter takes."""

Trial = Callable[[Fault, Params], str | None]


@dataclass(frozen=True, slots=True)
class FaultPromise:
    """`trial` is given the fault and the parameters to try it with; it returns None where the promise is kept, else
    what was seen."""

    id: str
    says: str
    trial: Trial

    def seen(self, fault: Fault, params: Params) -> str | None:
        """What was seen where `fault` breaks this promise. Whatever it raises is seen, too."""
        try:
            return self.trial(fault, params)
        except Exception as error:  # noqa: BLE001 - somebody else's code is on trial, and may raise anything
            return f"it raised {error!r}"


@dataclass(frozen=True, slots=True)
class _Struck:
    """One strike: what was given, where, and what came of it: a timeline, or what was raised."""

    asked: Asked
    given: Interaction
    site: FaultSite
    made: object


def _named(fault: Fault, params: Params) -> str | None:
    """Its name can stand in a case: small letters, digits, dots and dashes."""
    del params
    return None if _NAME.fullmatch(fault.name) else f"it is called {fault.name!r}"


def _explained(fault: Fault, params: Params) -> str | None:
    """Its parameters can stand in a case, and each has a few words on what it takes."""
    del params
    for name, about in dict(fault.params).items():
        if not _PARAM.fullmatch(name) or not about.strip():
            return f"the parameter {name!r} is explained by {about!r}"
    return None


def _places(fault: Fault, params: Params) -> str | None:
    """Its sites are places in the answer, each named once: connect, headers, end, or a chunk that there is."""
    del params
    for dialect, given in samples():
        sites = list(fault.sites(given.timeline))
        strange = [site for site in sites if not _is_place(site, given.timeline)]
        if strange or len(set(sites)) != len(sites):
            what = f"{strange[0]}" if strange else "the same site twice"
            return f"in an answer of {dialect} with {len(given.timeline.chunks)} chunks it names {what}"
    return None


def _announced(fault: Fault, params: Params) -> str | None:
    """It strikes at the points that it announces, so that a wrong place is refused when a file loads."""
    del params
    if not isinstance(fault, Particular):
        return None
    met = {site.point for _, given in samples() for site in fault.sites(given.timeline)}
    return None if met <= fault.points else f"it announces {sorted(fault.points)}, and has sites at {sorted(met)}"


def _strikes(fault: Fault, params: Params) -> str | None:
    """It can strike at each of its sites, in each dialect it has a form in, or says that there is nothing to strike."""
    for struck in _everywhere(fault, params):
        if not isinstance(struck.made, Timeline | NoPlaceError):
            return f"at {struck.site} of an answer of {struck.asked.dialect} it gave {struck.made!r}"
    return None


def _does_something(fault: Fault, params: Params) -> str | None:
    """It changes some answer, unless it is benign."""
    if getattr(fault, "is_benign", False):
        return None
    made = [s for s in _everywhere(fault, params) if isinstance(s.made, Timeline)]
    return None if not made or any(s.made != s.given.timeline for s in made) else "every answer stayed as it was"


def _pure(fault: Fault, params: Params) -> str | None:
    """The same strike gives the same answer, and what it was given stays as it was."""
    before = dict(params)
    strikes = list(_everywhere(fault, params))
    kept = [(s.given.timeline.events, s.given.timeline.left) for s in strikes]
    for first, again in zip(strikes, _everywhere(fault, params), strict=False):
        if isinstance(first.made, Timeline) and first.made != again.made:
            return f"at {first.site} of an answer of {first.asked.dialect} it gave two different answers"
    after = [(s.given.timeline.events, s.given.timeline.left) for s in strikes]
    return None if kept == after and before == dict(params) else "it changed what it was given"


def _refuses_places(fault: Fault, params: Params) -> str | None:
    """It refuses with ValueError to strike where it has no site."""
    for dialect, given in samples():
        own = frozenset(fault.sites(given.timeline))
        tried = [FaultSite("chunk", 1_000_000), *(FaultSite(point) for point in sorted(_POINTS - {"chunk"}))]
        for site in tried:
            made = _made(fault, given, site, params, Asked(dialect, given.request)) if site not in own else ValueError()
            if _has_form(fault, dialect) and not isinstance(made, ValueError):
                return f"it has no site at {site}, and struck there: {made!r}"
    return None


def _refuses_values(fault: Fault, params: Params) -> str | None:
    """It refuses with ValueError a value that a parameter does not take."""
    for name in fault.params:
        wrong = {**params, name: _NO_VALUE}
        if isinstance(fault, Particular):
            try:
                fault.refuse(wrong)
            except ValueError:
                continue
            return f"it takes {name}={_NO_VALUE!r}"
        made = next((s.made for s in _everywhere(fault, wrong) if not isinstance(s.made, NoPlaceError)), None)
        if isinstance(made, Timeline):
            return f"it takes {name}={_NO_VALUE!r}"
    return None


def _refuses_dialects(fault: Fault, params: Params) -> str | None:
    """It refuses with ValueError a dialect in which it says that it has no form, and knows those that it names."""
    named = fault.dialects if isinstance(fault, Particular) else frozenset()
    unknown = named - {dialect.name for dialect in BUILT_IN}
    if unknown:
        return f"it has a form in {', '.join(sorted(unknown))}, which is no dialect"
    for dialect, given in samples():
        if not _has_form(fault, dialect):
            for site in fault.sites(given.timeline):
                made = _made(fault, given, site, params, Asked(dialect, given.request))
                if not isinstance(made, ValueError):
                    return f"it has no form in {dialect}, and struck there"
    return None


def _benign(fault: Fault, params: Params) -> str | None:
    """Where it says that it is benign, what the answer means stays as it is."""
    if not getattr(fault, "is_benign", False):
        return None
    for struck in _everywhere(fault, params):
        if isinstance(struck.made, Timeline) and _meaning(struck.given, struck.made) != _meaning(struck.given):
            return f"at {struck.site} an answer of {struck.asked.dialect} means something else"
    return None


FAULT_PROMISES: Final[tuple[FaultPromise, ...]] = tuple(
    FaultPromise(id_, " ".join((trial.__doc__ or "").split()), trial)
    for id_, trial in (
        ("has-a-name", _named),
        ("explains-its-parameters", _explained),
        ("names-places", _places),
        ("announces-its-points", _announced),
        ("strikes-where-it-says", _strikes),
        ("changes-something", _does_something),
        ("is-pure", _pure),
        ("refuses-other-places", _refuses_places),
        ("refuses-wrong-values", _refuses_values),
        ("refuses-other-dialects", _refuses_dialects),
        ("benign-keeps-the-meaning", _benign),
    )
)
"""Every promise of a fault, in the order in which they are tried."""


def broken_promises(fault: Fault, params: Params | None = None) -> list[tuple[str, str]]:
    """(id, what was seen) of each promise that `fault` breaks. `params` are what it is tried with, because not every
    fault can do without."""
    found = [(promise.id, promise.seen(fault, params or {})) for promise in FAULT_PROMISES]
    return [(id_, seen) for id_, seen in found if seen is not None]


def _is_place(site: object, timeline: Timeline) -> bool:
    if not isinstance(site, FaultSite) or site.point not in _POINTS:
        return False
    if site.point == "chunk":
        return site.chunk is not None and 1 <= site.chunk <= len(timeline.chunks)
    return site.chunk is None


def _everywhere(fault: Fault, params: Params) -> Iterator[_Struck]:
    """The first, the middle and the last site of every sample in a dialect that it has a form in."""
    for dialect, given in samples():
        sites = [site for site in fault.sites(given.timeline) if _is_place(site, given.timeline)]
        asked = Asked(dialect, given.request)
        for site in dict.fromkeys([*sites[:1], *sites[len(sites) // 2 :][:1], *sites[-1:]]):
            if _has_form(fault, dialect):
                yield _Struck(asked, given, site, _made(fault, given, site, params, asked))


def _made(fault: Fault, given: Interaction, site: FaultSite, params: Params, asked: Asked) -> object:
    """What came of a strike; an exception is one of the things that may."""
    try:
        return fault.apply(given.timeline, site, params, asked)
    except Exception as error:  # noqa: BLE001 - somebody else's code is on trial, and may raise anything
        return error


def _has_form(fault: Fault, dialect: str) -> bool:
    return not isinstance(fault, Particular) or not fault.dialects or dialect in fault.dialects


def _meaning(given: Interaction, changed: Timeline | None = None) -> Reply:
    """What is said, less what no reader is told."""
    reply = decode(given.request, changed or given.timeline)
    assert reply is not None, "a sample is recognised"
    return Reply.of(delta for delta in reply.deltas if not isinstance(delta, Unknown))
