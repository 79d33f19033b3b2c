"""Loading: one file to one typed scenario, or one error with everything that is wrong with it."""

from __future__ import annotations

import re
from dataclasses import replace
from os import PathLike
from pathlib import Path as File
from typing import Final

from pydantic import ValidationError

from harness.errors import Place, ScenarioError
from harness.scenarios._check import check
from harness.scenarios._files import attach
from harness.scenarios._matrix import Matrix, combinations, substituted
from harness.scenarios._mistakes import explain
from harness.scenarios._repair import repaired
from harness.scenarios._scenario import Scenario
from harness.scenarios._strict import nearest
from harness.scenarios._yaml import Document, Path, read, shown

_FIRST_KEY: Final = re.compile(rb"^[\"']?harness[\"']?[ \t]*:", re.MULTILINE)
_BEGINNING: Final = 1 << 16


def is_scenario(path: str | PathLike[str]) -> bool:
    """True where the file says so in its first key, `harness:`; everything else is held to be a cassette. A file that
    cannot be read is none, and whoever reads it says what is the matter."""
    try:
        with File(path).open("rb") as opened:
            return bool(_FIRST_KEY.search(opened.read(_BEGINNING)))
    except OSError:
        return False


def load_scenario(path: str | PathLike[str], case: str | None = None) -> Scenario:
    """The scenario in the file at `path`; `case` has to be one of its cases.

    Raises ScenarioError with every mistake and its `file:line:column`, a file that is not there among them.
    """
    try:
        text = File(path).read_bytes()
    except OSError as error:
        place = Place(str(path), 1, 1, f"cannot be read: {error.strerror or error}")
        raise ScenarioError([place]) from error
    return parse_scenario(text, str(path), case)


def parse_scenario(text: bytes | str, file: str = "<text>", case: str | None = None) -> Scenario:
    """The scenario that `text` is; `file` is what the mistakes name, and beside it stand the files that it names.

    With a matrix it is the first of the combinations, which all have to be sound, and `played` has the others. Where
    `case` says which one, only that one is looked at: a run of a thousand tests does not look at a million."""
    document = read(text.encode() if isinstance(text, str) else text, file)
    folder = File(file).parent if file != "<text>" else File.cwd()
    scenario = _varied(document, folder, case) if _has_matrix(document.value) else _sound(document, folder)
    if scenario is not None and case is not None and not document.places:
        _check_case(scenario, case, document)
    if scenario is None or document.places:
        places = {(place.line, place.column, place.message): place for place in document.places}
        raise ScenarioError(sorted(places.values(), key=lambda place: (place.line, place.column)))
    return scenario


def _sound(document: Document, folder: File) -> Scenario | None:
    """The scenario of `document`, looked at as a whole; what is wrong with it is noted there."""
    scenario = _typed(document)
    if scenario is not None:
        attach(scenario, document, folder)
        check(scenario, document)
    return scenario


def place_in(path: str | PathLike[str], at: Path, message: str) -> Place:
    """Where `at` stands in the file at `path`, or the nearest thing around it, with `message`."""
    document = read(File(path).read_bytes(), str(path))
    document.places.clear()
    document.mistake(at, message)
    return document.places[-1]


def _has_matrix(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("matrix"), dict)


def _varied(document: Document, folder: File, case: str | None) -> Scenario | None:
    """Every combination of the matrix, each as a scenario of its own."""
    assert isinstance(document.value, dict), "it has a matrix"
    try:
        matrix = Matrix.model_validate(document.value["matrix"])
    except ValidationError as error:
        explain(document, error, within=("matrix",))
        return None
    rest = {name: value for name, value in document.value.items() if name != "matrix"}
    made: dict[str, Scenario] = {}
    every = combinations(matrix, document)
    chosen = {name: one for name, one in every.items() if case is not None and f"{case}-".startswith(f"{name}-")}
    for name, combination in (chosen or every).items():
        one = replace(document, places=[])
        one.value = substituted(rest, combination, one)
        scenario = _sound(one, folder)
        document.places += one.places
        if scenario is not None:
            made[name] = scenario
    first = next(iter(made.values()), None)
    if first is not None:
        first.vary(made)
    return first


def _typed(document: Document) -> Scenario | None:
    """The scenario of `document`, as far as it is one: its mistakes are noted, and the rest can still be checked."""
    if not isinstance(document.value, dict):
        if not document.places:
            document.mistake((), f"found {shown(document.value)}, allowed is a mapping that begins with `harness: 1`")
        return None
    if "interactions" in document.value and "harness" not in document.value:
        document.mistake((), "this is a cassette, which holds what was recorded: open it with harness.replay")
        return None
    try:
        return Scenario.model_validate(document.value)
    except ValidationError as error:
        explain(document, error)
        return repaired(document.value, error, lambda later: explain(document, later, is_repaired=True))


def _check_case(scenario: Scenario, case: str, document: Document) -> None:
    ids = scenario.case_ids
    if case not in ids:
        listed = ", ".join(ids) or "none"
        message = f"no case is called {case!r}.{nearest(case, ids)} There are: {listed}"
        document.mistake(("cases",) if scenario.cases else ("matrix",), message, at_key=True)
