"""Plain values out of a file: what YAML and JSON have in common, and bytes."""

from __future__ import annotations

from typing import TypeAlias

from harness.storage._trouble import Unreadable

Value: TypeAlias = "None | bool | int | float | str | bytes | list[Value] | dict[str, Value]"
Mapping: TypeAlias = dict[str, Value]


def kind(value: Value) -> str:
    """What `value` is, in the words of someone who looks at the file."""
    names = {dict: "a mapping", list: "a list", str: "a text", bytes: "bytes", bool: "a truth value"}
    return "nothing" if value is None else names.get(type(value), "a number")


def mapping(value: Value, place: str) -> Mapping:
    """`value`, which has to be a mapping."""
    if isinstance(value, dict):
        return value
    message = f"expected a mapping, found {kind(value)}"
    raise Unreadable(message, place)


def sequence(value: Value, place: str) -> list[Value]:
    """`value`, which has to be a list."""
    if isinstance(value, list):
        return value
    message = f"expected a list, found {kind(value)}"
    raise Unreadable(message, place)


def text(value: Value, place: str) -> str:
    """`value` as the text that stands in the file."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")  # header fields are octets: RFC 9110 section 5.5
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    message = f"expected a text, found {kind(value)}"
    raise Unreadable(message, place)


def whole(value: Value, place: str) -> int:
    """`value` as a whole number that is not negative."""
    number = value
    if isinstance(number, str) and number.strip().isdecimal():
        number = int(number)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    message = f"expected a whole number from zero, found {value!r}"
    raise Unreadable(message, place)
