"""Classes that a contract lacks, made of what it has and of ours, so that both kinds of `except` catch them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any


@cache
def derived(name: str, bases: tuple[type[BaseException], ...], module: str) -> type[BaseException]:
    """The exception `name` that is every one of `bases`: the same class for the same arguments.

    Its instances pickle by their bases: the class itself stands in no module where pickle could find it.
    """

    def __reduce__(self: BaseException) -> tuple[Any, ...]:  # noqa: N807 - it becomes the method of that name
        return _rebuilt, (name, bases, module, self.args, dict(self.__dict__))

    return type(name, bases, {"__module__": module, "__reduce__": __reduce__, "__doc__": bases[-1].__doc__})


def _rebuilt(
    name: str, bases: tuple[type[BaseException], ...], module: str, args: tuple[Any, ...], state: dict[str, Any]
) -> BaseException:
    cls = derived(name, bases, module)
    made: BaseException = cls.__new__(cls, *args)  # not through __init__, which may want other arguments than `args`
    made.args = args
    made.__dict__.update(state)
    return made


def nearest_common_base(classes: Iterable[type[BaseException]]) -> type[BaseException] | None:
    """The nearest class that an application wrote and that all of `classes` derive from, themselves left out."""
    lines = [[base for base in cls.__mro__[1:] if base.__module__ != "builtins"] for cls in classes]
    if not lines:
        return None
    return next((base for base in lines[0] if all(base in line for line in lines[1:])), None)
