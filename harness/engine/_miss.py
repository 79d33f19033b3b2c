"""What a miss says: what was asked, what is closest and where it differs, what was played, what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.engine._history import Entry
from harness.model import Request
from harness.spec import Mismatch

_SHOWN_MAX = 8


def explanation(request: Request, mismatch: Mismatch, source: str, played: Iterable[Entry], hint: str) -> str:
    """The text of a Miss, several lines. Everything in it is redacted already."""
    return "\n".join(_lines(request, mismatch, source, played, hint))


def _lines(request: Request, mismatch: Mismatch, source: str, played: Iterable[Entry], hint: str) -> Iterator[str]:
    yield f"no answer for {request.method} {request.url}"
    yield f"  source: {source or 'none'}"
    yield f"  why: {mismatch.reason}"
    if mismatch.nearest:
        yield f"  closest: {mismatch.nearest}" + (", which was played already" if mismatch.exhausted else "")
    for difference in mismatch.differences[:_SHOWN_MAX]:
        verb = "wants" if difference.path.startswith("when") else "recorded"
        yield f"    {difference.path}: {verb} {difference.recorded}, asked {difference.asked}"
    if len(mismatch.differences) > _SHOWN_MAX:
        yield f"    and {len(mismatch.differences) - _SHOWN_MAX} more differences"
    answered = [entry.id for entry in played if entry.how not in {"miss", "live"}]
    yield f"  played before: {', '.join(answered) or 'nothing'}"
    if hint:
        yield f"  next: {hint}"


def silence(entry: Entry, request: Request) -> str:
    """The text of the Miss of a caller that reads on where the recording stopped early. `request` is redacted."""
    heard = f"{entry.chunks} chunk" + ("" if entry.chunks == 1 else "s")
    return (
        f"the wire is silent: {entry.id or 'this answer'} stops after {heard} without an end, "
        "and nothing in your code would end this wait (no read timeout, no cancel).\n"
        f"  asked: {request.method} {request.url}\n"
        "  next: give the call a timeout or cancel it, as the recorded code did, or record the whole answer"
    )
