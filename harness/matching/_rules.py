"""The rules of a match: what is redacted, and what is left out of the comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.matching._paths import GONE, Step, changed, parse_path
from harness.matching._redaction import Redaction
from harness.matching._suspects import Allow
from harness.model import Json


@dataclass(frozen=True, slots=True)
class Ignore:
    """A part of the body that does not decide: the value at `path`, or what `pattern` matches inside it.

    Without a pattern a field counts as absent and an item of a list as null. With one, its matches are taken out of the
    string, out of every string below a container, and a number whose text has a match counts as that text without it.
    """

    path: str
    steps: tuple[Step, ...]
    pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, entry: object) -> Ignore:
        """From a configuration value: a JSON path, or a mapping of `path` and `regex`.

        Raises ValueError that shows the entry.
        """
        if isinstance(entry, Ignore):
            return entry
        if isinstance(entry, str):
            return cls(entry, parse_path(entry))
        if (
            not isinstance(entry, Mapping)
            or not set(entry) <= {"path", "regex"}
            or not isinstance(entry.get("path"), str)
        ):
            message = (
                f'ignore: {entry!r} is neither a JSON path such as "$.metadata.request_id" nor {{path: …, regex: …}}'
            )
            raise ValueError(message)
        path = entry["path"]
        return cls(path, parse_path(path), _pattern(entry["regex"]) if "regex" in entry else None)

    def applied(self, value: Json) -> Json:
        """`value` without this part. Containers are changed in place."""
        if not self.steps and self.pattern is None:
            return ""  # `$`: the whole body does not decide
        return changed(value, self.steps, self._without)

    def _without(self, value: Json) -> Json:
        return GONE if self.pattern is None else _blanked(value, self.pattern)


@dataclass(frozen=True, slots=True)
class Rules:
    """What two requests have to have in common. The default ignores nothing and redacts everybody's secrets."""

    redaction: Redaction = field(default_factory=Redaction.default)
    ignore: tuple[Ignore, ...] = ()
    allow: Allow = field(default_factory=Allow)

    @classmethod
    def of(cls, ignore: Iterable[object] = (), redact: Iterable[object] = (), allow: Iterable[object] = ()) -> Rules:
        """From the values of a configuration. Raises ValueError that shows the entry that is wrong.

        `ignore`: JSON paths (`"$.metadata.request_id"`) and mappings (`{path: "$.prompt", regex: "[0-9]{4}-[0-9-]+"}`).
        `redact`: see `Redaction.of`. `allow`: regular expressions of what looks like a secret and is none.
        """
        for key, entries in (("ignore", ignore), ("redact", redact), ("allow", allow)):
            if isinstance(entries, str | Mapping):
                message = f"{key} has to be a list, not {entries!r}: say {key}=[{entries!r}]"
                raise ValueError(message)  # noqa: TRY004 - as every other entry that is wrong
        redact = tuple(redact)
        return cls(
            Redaction.of(redact) if redact else Redaction.default(),
            tuple(Ignore.of(entry) for entry in ignore),
            Allow.of(allow),
        )

    def comparable(self, value: Json) -> Json:
        """`value` without what is ignored. Containers are changed in place."""
        for ignore in self.ignore:
            value = ignore.applied(value)
        return value


def _pattern(regex: object) -> re.Pattern[str]:
    try:
        return re.compile(str(regex))
    except re.error as error:
        message = f"ignore: {regex!r} is not a regular expression: {error}"
        raise ValueError(message) from error


def _blanked(value: Json, pattern: re.Pattern[str]) -> Json:
    match value:
        case str():
            return pattern.sub("", value)
        case dict():
            return {name: _blanked(item, pattern) for name, item in value.items()}
        case list():
            return [_blanked(item, pattern) for item in value]
        case bool() | None:
            return value
    text = pattern.sub("", str(value))
    return value if text == str(value) else text
