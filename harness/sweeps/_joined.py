"""Joined: the report of a sweep whose cases were run by somebody else, one by one, and told as plain data.

pytest runs the cases of a test, in several processes where it is asked to. What each came to arrives here in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.model import Case, Json
from harness.sweeps._as_json import run_json
from harness.sweeps._sweep import Sweep

Told = Mapping[str, Any]


def about(sweep: Sweep) -> dict[str, Json]:
    """What `SweepReport.to_json` says beside the cases: all that is known once `sweep` is planned."""
    return {
        "version": 1,
        "name": sweep.name,
        "tier": sweep.tier.name,
        "seed": sweep.seed,
        "kinds": list(sweep.kinds),
        "checkers": list(sweep.checkers),
        "sites": dict(sweep.sites),
        "left_out": sweep.plan.left_out,
        "notes": list(sweep.notes),
        "baseline": run_json(sweep.learn()),
    }


def joined(known: Mapping[str, Json], cases: Iterable[Told], stale: Sequence[str] = ()) -> dict[str, Json]:
    """The report in the form of `SweepReport.to_json`, of what `about` gave and what `case_json` gave of each
    case, with its `size` as `size_of` gives it.

    A failure names the smallest case that was run; none is run to find a smaller one.
    """
    order = list(known["kinds"]) if isinstance(known["kinds"], list) else []
    ordered = sorted(cases, key=lambda case: _place(case, order))
    found = broken(ordered)
    return {
        **known,
        "stale": list(stale),
        "ok": not found and not stale,
        "verdicts": dict(Counter(str(case["verdict"]) for case in ordered)),
        "cases": [{key: value for key, value in case.items() if key != "size"} for case in ordered],
        "failures": [
            {
                "checker": checker,
                "kind": kind,
                "case": first["name"],
                "text": text,
                "repro": first["repro"],
                "others": [case["name"] for case, _ in others],
                "simplest": "",
                "calls": len({request["call"] for request in first["requests"]}),
                "shorter": None,
            }
            for (checker, kind), [(first, text), *others] in found.items()
        ],
    }


def broken(cases: Iterable[Told]) -> dict[tuple[str, str], list[tuple[Told, str]]]:
    """(promise, fault) -> the cases that broke it unknown to anybody, and how, the smallest first."""
    groups: dict[tuple[str, str], list[tuple[Told, str]]] = {}
    for case in cases:
        kind = " + ".join(strike.kind for strike in Case.parse(case["name"]).strikes)
        for one in case["violations"] if case["cell"] == "V" else ():
            groups.setdefault((one["checker"], kind), []).append((case, one["text"]))
    return {key: sorted(found, key=lambda one: one[0]["size"]) for key, found in groups.items()}


def _place(case: Told, order: Sequence[Json]) -> tuple[object, ...]:
    """Where it stands in a report: kinds as they were asked for, the smallest case first."""
    kind = Case.parse(case["name"]).strikes[0].kind
    return (order.index(kind) if kind in order else len(order), *case["size"])
