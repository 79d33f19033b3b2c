"""A recorded error of a provider as its fault of the catalogue: a reader knows it by name, and can change its wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from harness.faults import ALIASES, KNOWN, get
from harness.model import Json, Problem, as_seconds, seconds

_FAILURE: Final = "failure"


def refusals(problem: Problem, status: int) -> Iterator[dict[str, Any]]:
    """The replies that may say `problem`, the plainest first. Whoever takes one plays it and compares: the catalogue
    has the words of each provider today, and a recording those of its day."""
    if problem.kind == _FAILURE:
        return
    kinds = [kind for kind in (*KNOWN, *ALIASES) if kind.startswith(f"http-{status}-")]
    for kind in kinds:
        takes = get(kind).params
        for given in _givens(problem):
            params = {name: value for name, value in given.items() if name in takes}
            yield {"fault": {"kind": kind, **params}}


def _givens(problem: Problem) -> Iterator[dict[str, Json]]:
    """What may have to be said beside the name, less and then more."""
    wait: dict[str, Json] = {}
    if problem.retry_after_s is not None:
        wait = {"retry_after": f"{as_seconds(seconds(problem.retry_after_s)):g}s"}
    message: dict[str, Json] = {"message": problem.message} if problem.message else {}
    code: dict[str, Json] = {"code": problem.code} if problem.code else {}
    yield wait
    yield {**wait, **code}
    yield {**wait, **message}
    yield {**wait, **message, **code}
    yield {**wait, "format": "body", **message}
    yield {**wait, "format": "ms", **message}
