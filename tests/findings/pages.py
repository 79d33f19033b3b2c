"""What a sweep found, as a page: what was swept, when, and each promise that was broken with the line that shows it."""

from __future__ import annotations

import datetime as dt
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import harness
from harness.sweeps import Failure
from tests.findings.contracts import CONTRACTS
from tests.findings.frameworks import FRAMEWORKS
from tests.findings.sdks import SDKS
from tests.findings.swept import Swept

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".github" / "findings"
EVERYTHING: Final[dict[str, Swept]] = {**SDKS, **CONTRACTS, **FRAMEWORKS}
_TEXT_MAX: Final = 150
_ROW: Final = re.compile(r"^\| `([\w-]+)` \| `([^`]+)` \|")
_PACKAGE: Final = re.compile(r"^- `([\w-]+)` (\S+)$", re.MULTILINE)


def page(name: str, report: harness.SweepReport) -> str:
    """The page of one sweep, in Markdown."""
    return "\n".join([*_head(name, EVERYTHING[name], report), *_findings(report), *_foot(name)])


def _head(name: str, swept: Swept, report: harness.SweepReport) -> Iterator[str]:
    yield f"# {name}"
    yield ""
    yield f"Swept on {dt.datetime.now(dt.UTC).date()} with Python {platform.python_version()}:"
    yield ""
    yield from (f"- `{package}` {version(package)}" for package in (*swept.packages, "replay-harness"))
    yield ""
    yield f"**What.** {swept.what}"
    allowed = ", ".join(f"`{_qualified(kind)}`" for kind in swept.contract())
    yield f"**Exceptions that may come out.** {allowed}, and the agent's own."
    counted = ", ".join(f"{count} {verdict.name}" for verdict, count in sorted(report.verdicts.items()))
    yield f"**Cases.** {len(report.cases)}: {counted}."
    yield ""
    yield from (f"{note}" for note in swept.notes)
    if swept.notes:
        yield ""


def _findings(report: harness.SweepReport) -> Iterator[str]:
    if not report.failures:
        yield "No case broke a promise."
        yield ""
        return
    yield "| promise | first case | what was seen | further cases |"
    yield "| --- | --- | --- | --- |"
    for failure in sorted(report.failures, key=lambda one: one.checker):
        yield f"| `{failure.checker}` | `{failure.first.name}` | {_text(failure)} | {len(failure.others) or ''} |"
    yield ""


def _foot(name: str) -> Iterator[str]:
    yield "Each line is seen again by its case:"
    yield ""
    yield "```console"
    yield f"python -m tests.findings {name} CASE"
    yield "```"
    yield ""


def _text(failure: Failure) -> str:
    text = " ".join(failure.text.replace(f"{ROOT}/", "").split()).partition("; the contract allows")[0]
    short = text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 1]}…"
    return "".join(sign if sign.isprintable() else "�" for sign in short).replace("|", "\\|").replace("<", "&lt;")


def _qualified(kind: type) -> str:
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"


def told(name: str) -> list[tuple[str, str]]:
    """The promise and the case of each line of the page."""
    lines = (FOLDER / f"{name}.md").read_text("utf-8").splitlines()
    return [(found[1], found[2]) for line in lines if (found := _ROW.match(line))]


def strangers(name: str) -> list[str]:
    """The packages of the page that are not here, or here in another version."""
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    return [f"{package} {said}" for package, said in _PACKAGE.findall(text) if _version(package) != said]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
