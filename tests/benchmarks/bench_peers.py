"""A full pass of a recording, beside other recorders, all in one run; written to `.github/benchmarks`.

vcrpy and cassetter match by body, as we do; dvd-rw cannot. One that is not installed is left out and said so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.model import Cassette
from harness.storage import dump
from tests.benchmarks.bench_scale import interactions
from tests.benchmarks.plot import plotted
from tests.benchmarks.ratio import Ratio

COUNTS = (100, 300, 1000)
VCRPY = 1 / 100
DISTRIBUTIONS = {"harness": "replay-harness", "vcrpy": "vcrpy", "cassetter": "cassetter", "dvd-rw": "dvd-rw"}
NOTES = {
    "harness": "chunk by chunk, at their times, matching by body",
    "vcrpy": "matching by body; from five places, as its cost grows with the place",
    "cassetter": "matching by body; the answer in one piece",
    "dvd-rw": "cannot match by body: each request has a URL of its own; the answer in one piece",
}
FOLDER = Path(__file__).parents[2] / ".github" / "benchmarks"
ROOT = Path(__file__).parents[2]
Times = dict[str, dict[int, float]]


def measure() -> Iterator[Ratio]:
    """Each tool at each size, and the bound at the largest."""
    times: Times = {name: {} for name in _installed()}
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            path = Path(folder, f"{count}.yaml")
            path.write_bytes(dump(Cassette(tuple(interactions(count)))))
            for name in times:
                times[name][count] = _seconds(name, path, count)
    _write(times)
    ours = times["harness"][COUNTS[-1]]
    for name in (name for name in DISTRIBUTIONS if name != "harness"):
        if name not in times:
            print(f"{name} is not installed here, and is left out")
            continue
        theirs = times[name][COUNTS[-1]]
        bound = VCRPY if name == "vcrpy" else None
        yield Ratio(
            f"a full pass of {COUNTS[-1]:,} / {name}'s", ours / theirs, bound, f"{ours:.2f} s and {theirs:.2f} s"
        )


def _installed() -> list[str]:
    return [name for name in DISTRIBUTIONS if _version(name)]


def _version(name: str) -> str:
    try:
        return version(DISTRIBUTIONS[name])
    except PackageNotFoundError:
        return ""


def _seconds(name: str, path: Path, count: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.full_pass", name, str(path), str(count)]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def _write(times: Times) -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "full-pass.md").write_text(_table(times), "utf-8")
    points = {name: [(float(count), took) for count, took in by_count.items()] for name, by_count in times.items()}
    svg = plotted(points, title="A full pass of a recording", across="interactions", up="seconds")
    (FOLDER / "full-pass.svg").write_text(svg, "utf-8")


def _table(times: Times) -> str:
    ours = times["harness"]
    head = "| recorder | " + " | ".join(f"{count:,}" for count in COUNTS) + " | against ours | how |"
    rows = [
        f"| {name} {_version(name)} | "
        + " | ".join(f"{by_count[count]:.3g} s" for count in COUNTS)
        + f" | {by_count[COUNTS[-1]] / ours[COUNTS[-1]]:.3g} x | {NOTES[name]} |"
        for name, by_count in times.items()
    ]
    return "\n".join(
        [
            "# A full pass of a recording",
            "",
            "Seconds to open a cassette and to ask for every answer in it once, in recorded order, through httpx.",
            "The answers are streamed chats of 6.5 kB and 27 events.",
            "Every tool has a process of its own, all in one run on one machine: ratios tell, seconds do not.",
            "Written by `tox -e bench`.",
            "",
            head,
            "| --- | " + "---: | " * (len(COUNTS) + 1) + "--- |",
            *rows,
            "",
            "![seconds against interactions, both axes logarithmic](full-pass.svg)",
            "",
        ]
    )
