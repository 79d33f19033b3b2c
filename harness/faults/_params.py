"""What faults take: one small reader for each kind of value, which says what it wants where it is given something else.

Every mistake is a ValueError, those of type among them: whoever wrote the file has to act.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.model import NEVER, Json, Nanos, parse_duration

Values = Mapping[str, Any]
"""What was given, read: one value for each name that the fault takes."""

_HEX: Final = re.compile(r"0x((?:[0-9a-fA-F]{2})+)")


@dataclass(frozen=True, slots=True)
class Param:
    """One thing that a fault takes. `about` is for people; `read` is given the name and what was written."""

    about: str
    read: Callable[[str, Json], Any]
    default: Json


def duration(default: str, about: str = "") -> Param:
    """A length of time that may be `forever`."""
    return Param(_about(about or "a duration such as 45s, or forever", default), _length, default)


def finite(default: str, about: str = "") -> Param:
    """A length of time that ends."""
    return Param(_about(about or "a duration such as 45s", default), _finite, default)


def count(default: int, about: str) -> Param:
    """A whole number from one."""
    return Param(_about(about, default), _count, default)


def word(default: str, *words: str, about: str = "") -> Param:
    """One of a few words."""
    told = f"{about + ': ' if about else ''}one of {', '.join(words)}"

    def read(name: str, value: Json) -> str:
        if not isinstance(value, str) or value not in words:
            raise _wants(name, f"one of {', '.join(words)}", value)
        return value

    return Param(_about(told, default), read, default)


def text(default: str, about: str) -> Param:
    """Any text."""
    return Param(_about(about, default) if default else about, _text, default)


def some_bytes(default: str, about: str) -> Param:
    """Bytes: a text, or `0x` and hexadecimal digits for what no text says."""
    return Param(_about(f"{about}; a text, or 0x and pairs of hexadecimal digits", default), _bytes, default)


def read_all(takes: Mapping[str, Param], params: Mapping[str, Json]) -> dict[str, Any]:
    """`params` as the fault wants them, defaults filled in. Raises ValueError where one is not what it takes."""
    return {name: param.read(name, params.get(name, param.default)) for name, param in takes.items()}


def length_of(name: str, value: Json) -> Nanos:
    """A duration. Raises ValueError."""
    return _length(name, value)


def _about(about: str, default: Json) -> str:
    return f"{about} ({default} by default)"


def _length(name: str, value: Json) -> Nanos:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wants(name, "a duration such as 45s, or forever", value)
    return parse_duration(value)


def _finite(name: str, value: Json) -> Nanos:
    length = _length(name, value)
    if length >= NEVER:
        raise _wants(name, "a duration that ends, such as 45s", value)
    return length


def _count(name: str, value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wants(name, "a whole number from 1", value)
    return value


def _text(name: str, value: Json) -> str:
    if not isinstance(value, str):
        raise _wants(name, "a text", value)
    return value


def _bytes(name: str, value: Json) -> bytes:
    written = _text(name, value)
    digits = _HEX.fullmatch(written)
    data = bytes.fromhex(digits[1]) if digits else written.encode()
    if not data:
        raise _wants(name, "at least one byte", value)
    return data


def _wants(name: str, what: str, found: Json) -> ValueError:
    return ValueError(f"{name!r} takes {what}, found {found!r}")
