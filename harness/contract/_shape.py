"""How to make one of a contract's values from what we know, whatever kind of class it is.

Dataclass, NamedTuple, attrs and plain classes are read through their signature; TypedDict, pydantic models and
classes that take no arguments have a way of their own. Fields that we do not know keep their defaults, and are a
misfit without one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, is_typeddict

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class _Field(NamedTuple):
    """A field of their class: its `name`, the keyword `key` that sets it, and whether it has no default."""

    name: str
    key: str
    required: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """Makes values of `cls`. `keys` maps our field names to its keywords; None means that it takes any keyword."""

    cls: type
    keys: Mapping[str, str] | None
    by_attribute: bool = False

    def make(self, values: Mapping[str, Any]) -> Any:
        """One value with what of `values` the class has room for."""
        if self.by_attribute:
            made = self.cls()
            for name, value in values.items():
                setattr(made, name, value)
            return made
        if self.keys is None:
            return self.cls(**values)
        return self.cls(**{self.keys[name]: value for name, value in values.items() if name in self.keys})


def shape_of(cls: type, sample: Mapping[str, Any], essential: Iterable[str]) -> Shape | list[str]:
    """The shape of `cls`, or every reason why it does not fit.

    `sample` has a value for each field that we can fill; `essential` are those without which an answer would be lost.
    """
    fields = _fields(cls)
    if fields is None:
        return _tried(Shape(cls, None), sample)
    if not fields and not is_typeddict(cls):
        return _tried(Shape(cls, {}, by_attribute=True), sample)
    names = {field.name for field in fields}
    misfits = [
        f"{cls.__qualname__}: its required field {field.name!r} is not in the published contract"
        for field in fields
        if field.required and field.name not in sample
    ]
    misfits += [f"{cls.__qualname__}: it has no field {name!r}" for name in essential if name not in names]
    keys = {field.name: field.key for field in fields if field.name in sample}
    return misfits or _tried(Shape(cls, keys), sample)


def _tried(shape: Shape, sample: Mapping[str, Any]) -> Shape | list[str]:
    """`shape`, once it has made one value: validators and signatures that lie show here, not in the middle of a
    test."""
    try:
        shape.make(sample)
    except (TypeError, ValueError, AttributeError) as error:
        given = ", ".join(f"{name}={value!r}" for name, value in sample.items())
        return [f"{shape.cls.__qualname__}: cannot be made from {given} ({error})"]
    return shape


def _fields(cls: type) -> list[_Field] | None:
    """The fields of `cls`; None where it takes any keyword."""
    if is_typeddict(cls):
        required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
        return [_Field(name, name, name in required) for name in cls.__annotations__]
    if isinstance(getattr(cls, "model_fields", None), Mapping):
        return _pydantic_fields(cls)
    try:
        parameters = inspect.signature(cls).parameters.values()
    except ValueError:  # a builtin such as dict has none to show, and takes keywords
        return None
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [_Field(p.name, p.name, p.default is p.empty) for p in parameters if p.kind in _NAMED]


def _pydantic_fields(cls: Any) -> list[_Field]:
    """The fields of a pydantic model, by name; its keywords are aliases unless it takes names too."""
    config = cls.model_config
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    return [
        _Field(name, name if by_name or not isinstance(field.alias, str) else field.alias, field.is_required())
        for name, field in cls.model_fields.items()
    ]


_KNOWN_ARGUMENTS: Mapping[str, str] = {
    "message": "message", "msg": "message", "detail": "message", "reason": "message", "text": "message",
    "model": "model", "timeout": "timeout", "timeout_s": "timeout", "seconds": "timeout",
}  # fmt: skip


def maker_of(cls: type[BaseException]) -> Callable[[str, str, float], BaseException] | list[str]:
    """What makes an exception of `cls` from a message, a model and a timeout in seconds; or why nothing can."""
    try:
        parameters = [p for p in inspect.signature(cls).parameters.values() if p.default is p.empty]
    except ValueError:
        parameters = []
    needed = [p.name for p in parameters if p.kind in _NAMED]
    open_ended = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    unknown = [name for name in needed if name not in _KNOWN_ARGUMENTS]
    if len(needed) == 1 and unknown:
        return lambda message, _model, _timeout: cls(message)
    if unknown:
        return [f"{cls.__qualname__}: its required arguments {', '.join(map(repr, unknown))} are unknown"]

    def make(message: str, model: str, timeout: float) -> BaseException:
        known = {"message": message, "model": model, "timeout": timeout}
        if not needed:
            return cls(message) if open_ended or _takes_one(cls) else cls()
        return cls(**{name: known[_KNOWN_ARGUMENTS[name]] for name in needed})

    return make


def _takes_one(cls: type[BaseException]) -> bool:
    """True where `cls` can be called with one positional argument."""
    try:
        inspect.signature(cls).bind("message")
    except TypeError:
        return False
    except ValueError:  # no signature to look at: the builtin rule holds, any arguments
        return True
    return True
