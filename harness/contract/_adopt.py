"""A backend class that is one of the contract's too: `isinstance` holds, and the helpers it inherits are theirs."""

from __future__ import annotations

import inspect
from functools import cache
from types import FunctionType, new_class
from typing import Any, Final

from harness.errors import ContractMisfitError

_VERBS: Final = ("generate", "complete", "stream_tokens", "acomplete", "astream_tokens", "is_available")
_HELPERS: Final = ("parse_tool_call",)
_WITHOUT: Final = (
    "Pass harness.contract.Contract(module, backend=None) to go without it, or another class in its place."
)
_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_KNOWN_ARGUMENTS: Final = ("model", "timeout", "on_status", "cancel_event")


@cache
def adopted(ours: type, base: type | None) -> type:
    """`ours` derived from `base` as well. Raises ContractMisfitError that names all that `ours` cannot be.

    What a driver asks for is ours; what `base` brings besides (`parse_tool_call` and helpers of its own) is theirs.
    """
    if base is None or base in ours.__mro__:
        return ours
    misfits = misfits_of(ours, base)
    if misfits:
        listed = "".join(f"\n  {misfit}" for misfit in misfits)
        message = f"{base.__module__}.{base.__qualname__} does not fit the published contract:{listed}\n{_WITHOUT}"
        raise ContractMisfitError(message)

    initialise, own = inspect.getattr_static(base, "__init__"), inspect.getattr_static(ours, "__init__")

    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807 - it becomes the method of that name
        initialise(self, **_known_arguments(base, ours, options))  # theirs first: its defaults must not undo ours
        own(self, *args, **options)

    theirs = {name: inspect.getattr_static(base, name) for name in _HELPERS if _is_concrete(base, name)}
    namespace = {"__module__": ours.__module__, "__doc__": ours.__doc__, "__init__": __init__, **theirs}
    try:
        return new_class(
            ours.__name__, (ours, base), {"metaclass": _both(ours, base)}, lambda body: body.update(namespace)
        )
    except (TypeError, ValueError) as error:  # a base that lets nobody derive, or not together with another class
        message = (
            f"{base.__module__}.{base.__qualname__} and a backend of ours cannot be one class: {error}\n{_WITHOUT}"
        )
        raise ContractMisfitError(message) from error


def _both(ours: type, base: type) -> type:
    """A metaclass that is those of both: Python makes none by itself where neither derives from the other."""
    mine, theirs = type(ours), type(base)
    if issubclass(theirs, mine):
        return theirs
    return mine if issubclass(mine, theirs) else type(theirs.__name__, (theirs, mine), {})


def misfits_of(ours: type, base: type) -> list[str]:
    """Every reason why `ours` cannot be derived from `base`."""
    if base in ours.__mro__:
        return []
    return [*_unknown_methods(ours, base), *_foreign_signatures(ours, base), *_unknown_arguments(base)]


def _unknown_methods(ours: type, base: type) -> list[str]:
    """Methods that somebody has to write and that neither contract knows."""
    abstract = set(getattr(base, "__abstractmethods__", ()))
    stubs = {name for name in dir(base) if not name.startswith("__") and _is_stub(base, name)}
    return [
        f"{base.__qualname__}.{name} has to be implemented, and the published contracts do not know it"
        for name in sorted(abstract | stubs)
        if not hasattr(ours, name)
    ]


def _foreign_signatures(ours: type, base: type) -> list[str]:
    """Verbs that are called in another way: another colour, or arguments that we would have to have."""
    misfits = []
    for name in _VERBS:
        theirs, mine = (inspect.getattr_static(cls, name, None) for cls in (base, ours))
        if not isinstance(theirs, FunctionType) or not isinstance(mine, FunctionType):
            continue
        if inspect.iscoroutinefunction(theirs) != inspect.iscoroutinefunction(mine):
            colours = ("sync", "async") if inspect.iscoroutinefunction(mine) else ("async", "sync")
            misfits.append(f"{base.__qualname__}.{name} is {colours[0]}, and {colours[1]} in the published contract")
        known = inspect.signature(mine).parameters
        misfits += [
            f"{base.__qualname__}.{name}: its required argument {p.name!r} is not in the published contract"
            for p in inspect.signature(theirs).parameters.values()
            if p.default is p.empty and p.kind in _NAMED and p.name not in {"self", *known}
        ]
    return misfits


def _unknown_arguments(base: type) -> list[str]:
    """Arguments that its constructor wants and that we could not name."""
    return [
        f"{base.__qualname__}: its constructor's required argument {p.name!r} is unknown"
        for p in _constructor(base)
        if p.default is p.empty and p.kind in _NAMED and p.name not in _KNOWN_ARGUMENTS
    ]


def _known_arguments(base: type, ours: type, options: dict[str, Any]) -> dict[str, Any]:
    """What the constructor of `base` is called with: what was chosen, and our default for what it cannot do without."""
    wanted = {p.name: p.default is p.empty for p in _constructor(base) if p.name in _KNOWN_ARGUMENTS}
    return {
        name: options[name] if options.get(name) is not None else _default(ours, name)
        for name, is_required in wanted.items()
        if is_required or options.get(name) is not None
    }


def _default(ours: type, name: str) -> Any:
    """What `ours` is set to where nobody chose: by its constructor, else by the class."""
    parameter = inspect.signature(inspect.getattr_static(ours, "__init__")).parameters.get(name)
    told = None if parameter is None or parameter.default is parameter.empty else parameter.default
    return getattr(ours, name, None) if told is None else told


def _constructor(base: type) -> list[inspect.Parameter]:
    init = inspect.getattr_static(base, "__init__")
    if not isinstance(init, FunctionType):
        return []
    return list(inspect.signature(init).parameters.values())[1:]


def _is_concrete(base: type, name: str) -> bool:
    method = inspect.getattr_static(base, name, None)
    return method is not None and not getattr(method, "__isabstractmethod__", False) and not _is_stub(base, name)


def _is_stub(base: type, name: str) -> bool:
    """True for a method whose body only says that somebody else has to write it: `...`, a docstring, or a raise of
    NotImplementedError. Protocols and plain base classes declare theirs like that."""
    method = inspect.getattr_static(base, name, None)
    if not isinstance(method, FunctionType):
        return False
    code = method.__code__
    if code.co_names == ("NotImplementedError",):
        return True
    return not code.co_names and set(code.co_consts) <= {None, Ellipsis, method.__doc__} and _is_declaration(base)


def _is_declaration(base: type) -> bool:
    """An empty method is a hole in a Protocol, and a hook that may stay empty elsewhere."""
    return bool(getattr(base, "_is_protocol", False))
