"""The parity table, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from harness import faults
from tests.parity.arms import BELOW_A_SERVER, Case, Outcome
from tests.parity.asking import RETRIES, TIMEOUT_S
from tests.parity.clients import DIALECTS, VERSIONS

_ORDER = ("connect", "before-headers", "headers", "mid-stream", "end", "semantic", "benign")
_HEAD = f"""# What a fault is at each client

Made by `tox -e parity` with `HARNESS_WRITE_PARITY=1`, from the outcomes themselves.
Every fault of the catalogue strikes every attempt of one call through each client: in process on virtual time, and
where a server can make it over a real socket on loopback.
Both give the same exception, the same cause, the same text and the same number of requests, or the test fails.

The clients have a read timeout of {TIMEOUT_S:g} s and at most {RETRIES} retry where they retry at all.
`Error←Cause` is what came out of the client, `+partial` that text had come before, `×n` how many requests there were.
Without an error there stands why the answer ended, and the text: an ordinary end, or a wrong one that nobody noticed.
`–` is a client in whose dialect the fault has no form, `no place` an answer in which it finds nothing to strike.
"""


def written(ours: Mapping[Case, Outcome | str], theirs: Mapping[Case, Outcome]) -> str:
    """The page."""
    lines = [_HEAD, _versions(), ""]
    for phase in _ORDER:
        names = [name for name, fault in faults.KNOWN.items() if getattr(fault, "phase", "") == phase]
        lines += [f"## {phase}", "", _row("fault", "mode", *DIALECTS, "socket"), _row(*["---"] * (len(DIALECTS) + 3))]
        for name in names:
            lines += _rows(name, ours, theirs)
        lines.append("")
    return "\n".join(lines)


def _versions() -> str:
    known = {**VERSIONS, "ollama": version("ollama")}
    return "Clients: " + ", ".join(f"{name} {number}" for name, number in known.items() if name != "openai responses")


def _rows(name: str, ours: Mapping[Case, Outcome | str], theirs: Mapping[Case, Outcome]) -> list[str]:
    made = []
    for stream in (False, True):
        row = [_cell(name, sdk, ours, stream=stream) for sdk in DIALECTS]
        if any(cell != "–" for cell in row):
            proof = BELOW_A_SERVER.get(name) or _proof(name, theirs, stream=stream)
            made.append(_row(f"`{name}`", "stream" if stream else "unary", *row, proof))
    return made


def _cell(name: str, sdk: str, ours: Mapping[Case, Outcome | str], *, stream: bool) -> str:
    both = [ours[case] for colour in ("sync", "async") if (case := Case(sdk, colour, name, stream)) in ours]
    said = list(dict.fromkeys(str(found) if isinstance(found, Outcome) else "no place" for found in both))
    return " / async: ".join(said).replace("|", "\\|").replace("\n", "⏎") or "–"


def _proof(name: str, theirs: Mapping[Case, Outcome], *, stream: bool) -> str:
    count = sum(case.fault == name and case.stream == stream for case in theirs)
    return f"equal, {count} of {count}" if count else "nothing to strike"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
