"""Which backend, with which options."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from harness.plugins import BACKENDS, load, names


def choose(name: str | None, options: Mapping[str, Any]) -> Any:
    """The backend called `name`, else the one called HARNESS_BACKEND, made with `options`.

    Raises ValueError for no name and for an unknown one, with the known ones; TypeError for options that it does not
    know, with those it does.
    """
    chosen = name or os.environ.get("HARNESS_BACKEND", "")
    if not chosen:
        message = f"no backend was chosen: pass its name or set HARNESS_BACKEND; known are {', '.join(names(BACKENDS))}"
        raise ValueError(message)
    factory = load(BACKENDS, chosen)
    _check_options(chosen, factory, options)
    return factory(**options)


def _check_options(name: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
    # A class whose `__new__` looks for a contract tells its options in `__init__` only.
    maker = inspect.getattr_static(factory, "__init__") if inspect.isclass(factory) else factory
    parameters = [p for p in inspect.signature(maker).parameters.values() if p.name != "self"]
    known = [p.name for p in parameters if p.kind in {p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD}]
    unknown = sorted(set(options) - set(known))
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        message = f"the backend {name!r} has no option {', '.join(unknown)}; it knows {', '.join(known)}"
        raise TypeError(message)
    missing = [p.name for p in parameters if p.name in known and p.default is p.empty and p.name not in options]
    if missing:
        message = f"the backend {name!r} needs {', '.join(missing)}; it knows {', '.join(known)}"
        raise TypeError(message)
