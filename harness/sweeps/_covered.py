"""Covered: of the lines that ran, those that only a fault made run, and the handlers that not even a fault made run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from harness.matching import Redaction
from harness.model import Json
from harness.sweeps._lines import Reached, closed


@dataclass(frozen=True, slots=True)
class FileLines:
    """Numbers of lines where a statement begins, and the text of `file`, one line after the other."""

    file: str
    only_under_faults: tuple[int, ...]
    never: tuple[int, ...]
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Covered:
    """The files of the program that have something to tell. `only_under_faults` ran in a run with a fault and in none
    without, `never` are the lines in the body of an `except` that did not run at all, though its `try` was."""

    files: tuple[FileLines, ...] = ()

    def text(self) -> str:
        """For a terminal."""
        lines = []
        for title, key in (
            ("lines that only ever ran under a fault", "only_under_faults"),
            ("handlers that never ran, not even under a fault", "never"),
        ):
            found = [(one.file, getattr(one, key)) for one in self.files if getattr(one, key)]
            lines.append(f"{title}: {sum(len(numbers) for _, numbers in found) or 'none'}")
            lines += [f"  {file}: {_ranges(numbers)}" for file, numbers in found]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Json]:
        """As plain data, each line with its text, redacted."""
        redaction = Redaction.default()

        def told(one: FileLines, numbers: Iterable[int]) -> list[Json]:
            return [{"line": line, "text": redaction.text(one.source[line - 1])} for line in numbers]

        files: list[Json] = [
            {
                "file": one.file,
                "only_under_faults": told(one, one.only_under_faults),
                "never": told(one, one.never),
            }
            for one in self.files
        ]
        return {"files": files}


def covered(reached: Reached) -> Covered:
    """What `reached` says, by the source of each file; one that is no Python is left out."""
    found = (_file(Path(file), calm, faulted) for file, (calm, faulted) in sorted(reached.items()))
    return Covered(tuple(one for one in found if one is not None and (one.only_under_faults or one.never)))


def joined_lines(parts: Iterable[Reached]) -> Reached:
    """What ran in several processes."""
    whole: Reached = {}
    for part in parts:
        for file, (calm, faulted) in part.items():
            before = whole.get(file, (set(), set()))
            whole[file] = (before[0] | calm, before[1] | faulted)
    return whole


def _file(path: Path, calm: set[int], faulted: set[int]) -> FileLines | None:
    from coverage import Coverage, CoverageException  # noqa: PLC0415 - optional, and here, or nothing was reached

    try:
        source = path.read_text("utf-8")
        tree = ast.parse(source)
        measure = Coverage(data_file=None, messages=False)
        _, executable, *_ = measure.analysis2(str(path))
        closed(measure)
    except (SyntaxError, ValueError, CoverageException):
        return None
    begins = dict(_begins(tree))
    without, under = ({begins.get(line, line) for line in lines} for lines in (calm, faulted))
    statements = set(executable)
    only = (under - without) & statements
    never = set(_handler_lines(tree, without | under)) & statements - without - under
    return FileLines(_shown(path), tuple(sorted(only)), tuple(sorted(never)), tuple(source.splitlines()))


def _begins(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """Each line, and where the innermost statement that it belongs to begins; outer ones first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.excepthandler):
            yield from ((line, node.lineno) for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))


def _handler_lines(tree: ast.AST, ran: set[int]) -> Iterator[int]:
    """Where the statements begin in the handlers of each `try` that was entered."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try | ast.TryStar) and node.body[0].lineno in ran:
            for handler in node.handlers:
                for part in handler.body:
                    yield from (one.lineno for one in ast.walk(part) if isinstance(one, ast.stmt))


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _ranges(numbers: Sequence[int]) -> str:
    """`3-5, 9`."""
    runs = ([number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]))
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
