"""Taste made executable: what review keeps saying about the shape of the house is said here, once."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import harness

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "harness"
SOURCES = sorted(HOUSE.rglob("*.py"))
ROOMS = sorted(p.parent.name for p in HOUSE.glob("*/__init__.py"))
LINES_MAX = 400
UNNAMED = re.compile(r"(?:^|_)(utils?|helpers?|common|managers?|handlers?|misc|stuff)(?:_|$)")
VAGUE = re.compile(r"(Manager|Handler|Helper|Util|Utils)$")
# One letter of each word is in brackets, so that this file does not find itself.
MACHINE = re.compile(r"(?<![\w.~])/(?:[w]ork|[f]arm|[r]oot|[h]ome/[a-z]|[U]sers/[A-Za-z])/[a-z.]")
REGISTRY = re.compile(r"[p]ypi\.org|[p]ythonhosted|/opt/[p]ypi|/opt/[w]heels|[a]rtifactory")
TOP = {
    "pyproject.toml",
    "harness",
    "cassettes",
    "tests",
    "scenarios",
    "README.md",
    "tox.ini",
    "LICENSE",
    "CHANGELOG.md",
}


def _name(source: Path) -> str:
    return ".".join(source.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _imports(source: Path) -> Iterator[tuple[int, str]]:
    """Every module that `source` names in an import, with its line. `from a import b` names `a` and `a.b`."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{source}:{node.lineno}: a relative import hides which room it comes from"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _strings(source: Path) -> Iterator[str]:
    tree = ast.parse(source.read_text("utf-8"))
    yield from (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _through_a_window(source: Path) -> list[str]:
    own = _room(_name(source))
    return [
        f"{source.relative_to(ROOT)}:{line}: {module}"
        for line, module in _imports(source)
        if module.startswith("harness.") and _room(module) != own and any(p.startswith("_") for p in module.split("."))
    ]


def _tracked() -> list[Path]:
    """Every file of the project: what git knows, or where there is no git, what an unpacked archive holds."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    return [p for p in ROOT.rglob("*") if p.is_file() and not {".tox", ".venv", "__pycache__"} & set(p.parts)]


def _lines(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in _tracked():
        text = path.read_text("utf-8", errors="replace")
        found += [
            f"{path.relative_to(ROOT)}:{n}: {line.strip()[:120]}"
            for n, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]
    return found


def test_a_room_is_entered_by_its_door() -> None:
    assert [offence for source in SOURCES for offence in _through_a_window(source)] == []


def test_only_the_outermost_rooms_come_in_by_the_front_door() -> None:
    outermost = {"harness", "harness.cli", "harness.pytest_plugin", "harness.testing"}
    inside = [source for source in SOURCES if _room(_name(source)) not in outermost]
    assert [offence for source in inside for offence in _through_the_front_door(source)] == []


def _through_the_front_door(source: Path) -> Iterator[str]:
    """`import harness` and the names that it offers; `from harness import model` is the door of a room."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        taken = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        offered = "harness" in taken if isinstance(node, ast.Import) else set(taken) & set(harness.__all__)
        if offered and getattr(node, "module", "harness") == "harness":
            yield f"{source.relative_to(ROOT)}:{node.lineno}: {', '.join(taken)}"


def test_no_file_is_dead() -> None:
    named = {module for source in SOURCES for _, module in _imports(source)}
    spoken = {text.partition(":")[0] for source in SOURCES for text in _strings(source)}
    doors = {"__init__", "__main__"}
    dead = [_name(s) for s in SOURCES if s.stem not in doors and _name(s) not in named | spoken]
    assert [name for name in dead if _room(name) != name or name not in _public_modules()] == []


def _public_modules() -> set[str]:
    return {f"harness.{path.stem}" for path in HOUSE.glob("[a-z]*.py")}


def test_every_folder_of_the_house_is_a_room() -> None:
    folders = {p.name for p in HOUSE.iterdir() if p.is_dir() and any(p.rglob("*.py"))}
    assert sorted(folders) == ROOMS


def test_rooms_import_only_what_stands_below_them() -> None:
    command = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    ran = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout


def test_importing_the_house_loads_nothing_heavy() -> None:
    code = "import sys, json, harness; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(ran.stdout))
    assert "harness" in loaded
    assert loaded & {"asyncio", "httpx", "httpx2", "yaml", "vcr", "pytest", "pydantic", "anyio"} == set()


def test_the_command_line_loads_only_the_verb_that_was_chosen() -> None:
    code = """
import atexit, json, sys, harness.cli
atexit.register(lambda: print(json.dumps(sorted(sys.modules))))
harness.cli.main(["--help"])
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(ran.stdout.splitlines()[-1]))
    assert {name for name in loaded if name.startswith("harness.cli.")} == {"harness.cli._exit", "harness.cli._main"}
    assert loaded & {"asyncio", "httpx", "httpx2", "yaml", "vcr", "pytest", "pydantic"} == set()


@pytest.mark.parametrize("room", [*ROOMS, "errors"])
def test_every_public_name_says_what_it_is(room: str) -> None:
    module = importlib.import_module(f"harness.{room}")
    assert (module.__doc__ or "").strip(), f"harness.{room} does not say what room it is"
    assert list(_silent(module)) == []


def _silent(module: ModuleType) -> Iterator[str]:
    """Public names of `module` without a docstring of their own: a dataclass's generated one says nothing."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    for name in names:
        value = getattr(module, name)
        if not (inspect.isclass(value) or inspect.isfunction(value)) or not value.__module__.startswith("harness"):
            continue
        doc = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
        if not doc or doc.startswith(f"{name}("):
            yield name
        if inspect.isclass(value):
            yield from (f"{name}.{member}" for member in _silent_members(value))


def _silent_members(value: type) -> Iterator[str]:
    for name, member in vars(value).items():
        plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if name.startswith("_") or not (inspect.isfunction(plain) or isinstance(plain, property)):
            continue
        if not inspect.getdoc(getattr(value, name)):
            yield name


def test_a_file_fits_in_the_head() -> None:
    files = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]
    lengths = {str(f.relative_to(ROOT)): len(f.read_text("utf-8").splitlines()) for f in files}
    assert {name: n for name, n in lengths.items() if n > LINES_MAX} == {}


def test_everything_has_a_name() -> None:
    assert [
        str(s.relative_to(ROOT))
        for s in SOURCES
        if any(UNNAMED.search(part) for part in s.relative_to(ROOT).with_suffix("").parts)
    ] == []
    classes = [
        (s, n) for s in SOURCES for n in ast.walk(ast.parse(s.read_text("utf-8"))) if isinstance(n, ast.ClassDef)
    ]
    assert [f"{s.relative_to(ROOT)}: {n.name}" for s, n in classes if VAGUE.search(n.name)] == []


def test_no_file_knows_a_machine() -> None:
    assert _lines(MACHINE) == []


def test_no_file_knows_a_registry() -> None:
    assert _lines(REGISTRY) == []


def test_nothing_else_lies_at_the_top() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in _tracked()}
    assert {top for top in tops if not top.startswith(".")} <= TOP
