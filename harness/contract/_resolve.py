"""`contract=`: speaking the types of another module, so that a driver catches its own exceptions and not ours.

1. Eight names are looked up; whatever else is there is ignored; none of them found is an error.
2. What is missing is ours. A missing exception derives from the nearest ancestor that the contract has and from ours,
   so that a contract without LLMTimeout gets one that its `except LLMConnectionError` catches.
3. What does not fit is said at once, all of it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any, Final

from harness.contract._adopt import misfits_of
from harness.contract._derive import derived, nearest_common_base
from harness.contract._shape import Shape, maker_of, shape_of
from harness.contract._types import (
    GenerationCancelled,
    LLMConnectionError,
    LLMParseError,
    LLMResponse,
    LLMResult,
    LLMTimeout,
)
from harness.errors import ContractMisfitError

Named = str | type | None
_Maker = Callable[[str, str, float], BaseException]

_RESULT: Final = {"success": True, "text": "text", "model": "model", "latency_ms": 1, "extra": {}}
_RESPONSE: Final = {"narrative_text": "text", "tool_call": None, "finish_reason": "stop"}


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract whose names are not the published ones: `Contract(module, timeout="GenTimeout")`.

    Each entry is the name to look up, or the class itself, or None for ours.
    """

    module: Any
    backend: Named = "LLMBackend"
    result: Named = "LLMResult"
    response: Named = "LLMResponse"
    message: Named = "LLMMessage"
    timeout: Named = "LLMTimeout"
    connection_error: Named = "LLMConnectionError"
    parse_error: Named = "LLMParseError"
    cancelled: Named = "GenerationCancelled"


_ENTRIES: Final = tuple(field for field in fields(Contract) if field.name != "module")


@dataclass(frozen=True, slots=True)
class Types:
    """The classes that a backend speaks. `base` is the contract's backend class, where it has one."""

    name: str
    result: Shape
    response: Shape
    timeout: type[BaseException]
    connection_error: type[BaseException]
    parse_error: type[BaseException]
    cancelled: type[BaseException]
    base: type | None = None

    @property
    def chat_timeout(self) -> type[BaseException]:
        """What a timeout is in the chat contract: LLMTimeout where that is a connection error, else the latter."""
        return self.timeout if issubclass(self.timeout, self.connection_error) else self.connection_error

    def error(self, cls: type[BaseException], message: str, *, model: str = "", timeout: float = 0.0) -> BaseException:
        """An exception of `cls`, whatever arguments the contract made it take. `timeout` is in seconds."""
        maker = maker_of(cls)
        return cls(message) if isinstance(maker, list) else maker(message, model, timeout)


def resolve(contract: Any = None, ours: type | None = None) -> Types:
    """The types of `contract`: a module, package, class, namespace, mapping, or a `Contract` around one. None is ours.

    `ours` is the class that is to be a backend of that contract. Raises ContractMisfitError that names every misfit,
    those of `ours` included.
    """
    if contract is None:
        return _OURS
    wanted = contract if isinstance(contract, Contract) else Contract(contract)
    name = _name_of(wanted.module)
    found, misfits = _looked_up(wanted)
    if not found and not misfits:
        names = ", ".join(str(field.default) for field in _ENTRIES)
        message = f"{name} is no contract: it has none of {names}.\n{_ADVICE}"
        raise ContractMisfitError(message)
    misfits += _not_exceptions(found)
    result = _shape(found.get("result"), LLMResult, _RESULT, ("success", "text"), misfits)
    response = _shape(found.get("response"), LLMResponse, _RESPONSE, ("narrative_text",), misfits)
    base = found.get("backend")
    if ours is not None and inspect.isclass(base):
        misfits += misfits_of(ours, base)
    if misfits:
        listed = "".join(f"\n  {misfit}" for misfit in misfits)
        message = f"{name} does not fit the published contract:{listed}\n{_ADVICE}"
        raise ContractMisfitError(message)
    return Types(name=name, result=result, response=response, base=base, **_exceptions(found, name))


_ADVICE: Final = (
    "Pass the module that holds the backend's own types, or harness.contract.Contract(module, timeout='GenTimeout') "
    "where they have other names (backend=None to go without theirs); for a contract of another shape write a small "
    "class over session.converse(prompt)."
)


def _looked_up(wanted: Contract) -> tuple[dict[str, Any], list[str]]:
    """What the contract has, by the names of `Contract`, and what was asked for by name and is not there."""
    found: dict[str, Any] = {}
    misfits: list[str] = []
    for entry in _ENTRIES:
        asked = getattr(wanted, entry.name)
        value = _attribute(wanted.module, asked) if isinstance(asked, str) else asked
        if value is not None:
            found[entry.name] = value
        elif asked is not None and asked != entry.default:
            misfits.append(f"{entry.name}: there is no {asked!r} in {_name_of(wanted.module)}")
    misfits += [
        f"{entry}: {value!r} is not a class"
        for entry, value in found.items()
        if entry != "message" and not inspect.isclass(value)
    ]
    return found, misfits


def _attribute(module: Any, name: str) -> Any:
    """`name` in a mapping, in a namespace, or in the loaded submodules of a package that does not export it itself."""
    if isinstance(module, Mapping):
        return module.get(name)
    if (value := getattr(module, name, None)) is not None or not isinstance(module, ModuleType):
        return value
    inside = [loaded for key, loaded in sorted(sys.modules.items()) if key.startswith(f"{module.__name__}.")]
    candidates = (getattr(loaded, name, None) for loaded in inside if hasattr(module, "__path__"))
    return next((value for value in candidates if value is not None), None)


def _name_of(module: Any) -> str:
    return str(getattr(module, "__name__", None) or type(module).__name__)


_EXCEPTIONS: Final = ("timeout", "connection_error", "parse_error", "cancelled")


def _not_exceptions(found: Mapping[str, Any]) -> list[str]:
    """Why the exceptions of the contract cannot be raised by us."""
    misfits: list[str] = []
    for entry in _EXCEPTIONS:
        cls = found.get(entry)
        if not inspect.isclass(cls):
            continue
        if not issubclass(cls, BaseException):
            misfits.append(f"{cls.__qualname__}: it is no exception")
        elif isinstance(maker := maker_of(cls), list):
            misfits += maker
    return misfits


def _shape(theirs: Any, ours: type, sample: Mapping[str, Any], essential: tuple[str, ...], misfits: list[str]) -> Shape:
    """How to make `theirs`, or ours where there is none or where it is only a Protocol that ours meets as well."""
    cls = theirs if inspect.isclass(theirs) and not getattr(theirs, "_is_protocol", False) else ours
    shape = shape_of(cls, sample, essential)
    if isinstance(shape, Shape):
        return shape
    misfits += shape
    return Shape(ours, None)


def _exceptions(found: Mapping[str, Any], module: str) -> dict[str, type[BaseException]]:
    """The contract's exceptions, and for those it lacks classes that both its `except` and ours catch."""
    present = [found[entry] for entry in _EXCEPTIONS[:3] if entry in found]
    root = nearest_common_base(present)
    connection = found.get("connection_error") or _missing(LLMConnectionError, root, module)
    return {
        "connection_error": connection,
        "timeout": found.get("timeout") or _missing(LLMTimeout, connection, module),
        "parse_error": found.get("parse_error") or _missing(LLMParseError, root, module),
        "cancelled": found.get("cancelled") or GenerationCancelled,
    }


def _missing(ours: type[BaseException], ancestor: type[BaseException] | None, module: str) -> type[BaseException]:
    if ancestor is None or issubclass(ours, ancestor):
        return ours
    return derived(ours.__name__, (ancestor, ours), module)


_OURS: Final = Types(
    name="harness.contract",
    result=Shape(LLMResult, None),
    response=Shape(LLMResponse, None),
    timeout=LLMTimeout,
    connection_error=LLMConnectionError,
    parse_error=LLMParseError,
    cancelled=GenerationCancelled,
)
