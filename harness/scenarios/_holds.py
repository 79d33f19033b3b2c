"""Whether a value is what a matcher says, and where it is not: each part that differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.matching import Redaction
from harness.scenarios._text import TextMatch, pattern, told
from harness.spec import Difference

_SHOWN_MAX: Final = 100
_REDACTION: Final = Redaction.default()


class _Missing:
    """No value at all, which is not null."""


MISSING: Final = _Missing()


def parted(match: TextMatch, value: Any, path: str) -> Iterator[Difference]:
    """Each rule of `match` that `value` breaks. Of a list one item has to keep the rules of texts and numbers."""
    for name, wanted in match.rules().items():
        if name == "json":
            yield from _of_json(wanted, value, f"{path}.json")
        elif not _HOLDS[name](value, wanted):
            yield Difference(path, f"{name} {told(wanted)}", shown(value))
    if match.not_ is not None and not any(parted(match.not_, value, path)):
        yield Difference(path, f"not {match.not_}", shown(value))


def shaped(wanted: Any, value: Any, path: str, *, loosely: bool = False) -> Iterator[Difference]:
    """Where `value` is not as `wanted` says: a mapping names keys that have to be there, a list all of its items, and a
    matcher stands for what it fits. A bare text is equal, or with `loosely` contained."""
    match wanted:
        case TextMatch():
            yield from parted(wanted, value, path)
        case Mapping():
            if not isinstance(value, Mapping):
                yield Difference(path, told(wanted), shown(value))
                return
            for name, item in wanted.items():
                yield from shaped(item, value.get(name, MISSING), f"{path}.{name}")
        case list() if isinstance(value, list) and len(value) == len(wanted):
            for number, item in enumerate(wanted):
                yield from shaped(item, value[number], f"{path}[{number}]")
        case str() if loosely:
            if not _HOLDS["contains"](value, wanted):
                yield Difference(path, f"contains {wanted!r}", shown(value))
        case _:
            if not _same(value, wanted):
                yield Difference(path, told(wanted), shown(value))


def _of_json(wanted: Any, value: Any, path: str) -> Iterator[Difference]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            yield Difference(path, told(wanted), f"no JSON: {shown(value)}")
            return
    yield from shaped(wanted, value, path)


def shown(value: Any) -> str:
    """`value` redacted, and short: its beginning, and how long it is."""
    if value is MISSING or value is None:
        return "nothing" if value is MISSING else "null"
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
        clean = _REDACTION.text(value)
        return clean if len(clean) <= _SHOWN_MAX else f"{clean[:_SHOWN_MAX]}… ({len(value):,} characters)"
    clean = _REDACTION.text(value)
    return repr(clean) if len(clean) <= _SHOWN_MAX else f"{clean[:_SHOWN_MAX]!r}… ({len(value):,} characters)"


def _same(value: Any, wanted: Any) -> bool:
    """Equal as JSON is: true is not 1, and 1.0 is 1."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _equals(value: Any, wanted: Any) -> bool:
    if isinstance(value, list) and not isinstance(wanted, list):
        return any(_same(item, wanted) for item in value)
    return _same(value, wanted)


def _texts(value: Any) -> list[str]:
    """`value` as the texts that one of has to fit."""
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in _texts(item)]
        case _Missing() | None:
            return []
    return [json.dumps(value, ensure_ascii=False)]


def _numbers(value: Any) -> list[float]:
    items = value if isinstance(value, list) else [value]
    return [number for item in items if (number := _number(item)) is not None]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _includes(value: Any, wanted: Any) -> bool:
    held = value if isinstance(value, list | dict) else []
    return all(any(_same(item, one) for item in held) for one in (wanted if isinstance(wanted, list) else [wanted]))


def _is_there(value: Any, wanted: Any) -> bool:
    return bool(wanted) == (value is not MISSING and value not in ("", []))


def _found(value: Any, rule: str) -> bool:
    checked = pattern(rule)
    return any(checked.isinstance_python(text.encode("utf-8", "replace").decode()) for text in _texts(value))


def _any_text(holds: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, rule: any(holds(text, rule) for text in _texts(value))


_HOLDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": _equals,
    "contains": _any_text(lambda text, rule: rule in text),
    "startswith": _any_text(str.startswith),
    "endswith": _any_text(str.endswith),
    "regex": _found,
    "glob": _any_text(fnmatchcase),
    "exists": _is_there,
    "includes": _includes,
    "gte": lambda value, rule: any(number >= rule for number in _numbers(value)),
    "lte": lambda value, rule: any(number <= rule for number in _numbers(value)),
}
