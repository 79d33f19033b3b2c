"""Whether a driver can be had, found out by looking at files: nothing is imported, so nothing of it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from harness.trials._driver import importing_from_here


def why_absent(name: str) -> str | None:
    """Why `package.module:name` cannot be had here, or None. A package may make names while it is imported; of one
    that could, nothing is said."""
    module, _, attribute = name.partition(":")
    with importing_from_here():
        spec = _spec(module)
    if isinstance(spec, str):
        return spec
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        tree = ast.parse(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError) as error:
        return f"the module {module} cannot be read: {error}"
    names = set(_bound(tree.body))
    first = attribute.partition(".")[0]
    if first in names or "*" in names or "__getattr__" in names:
        return None
    near = get_close_matches(first, names, 1)
    return f"the module {module} has no {first!r}." + (f" Did you mean {near[0]!r}?" if near else "")


def _spec(module: str) -> ModuleSpec | str:
    """Where `module` is, or why it is not. Only the outermost package is asked of every finder: below it the others
    would import it first."""
    parts = module.split(".")
    try:
        spec = find_spec(parts[0])
    except (ImportError, ValueError):  # it is being imported, or says that it has no spec
        spec = None
    for part in parts[1:]:
        places = spec.submodule_search_locations if spec is not None else None
        spec = PathFinder.find_spec(part, list(places)) if places is not None else None
    if spec is not None:
        return spec
    here = Path.cwd().name
    return f"no module {module} is found from here ({here}): is it installed, and is this the project's folder?"


def _bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that a module's own statements bind, `*` where it takes all of another one."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((alias.asname or alias.name).partition(".")[0] for alias in names)
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                yield from _bound(part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.stmt))
                handlers = getattr(statement, "handlers", ())
                yield from (name for handler in handlers for name in _bound(handler.body))
            case _:
                yield from (node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
