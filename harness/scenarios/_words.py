"""The small values of a scenario: durations, counts, and texts to match."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from harness.engine import VIAS
from harness.model import Nanos, parse_duration

FOREVER: Final = 2**31
"""`times: forever`."""
_A_DURATION: Final = "a duration such as 400ms, 2s, none or forever"
_A_COUNT: Final = "a whole number from one, or forever"


def _duration(value: object) -> Nanos:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _refusal(_A_DURATION)
    try:
        return parse_duration(value)
    except ValueError as error:
        raise _refusal(_A_DURATION) from error


def _times(value: object) -> int:
    if value == "forever":
        return FOREVER
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _refusal(_A_COUNT)
    return value


_VALUE: Final = "harness_value"
_TEXT: Final = "harness_text"


def _refusal(wanted: str) -> PydanticCustomError:
    """What is allowed; what was found is added with its place."""
    return PydanticCustomError(_VALUE, "{wanted}", {"wanted": wanted})


def refused(text: str) -> PydanticCustomError:
    """A mistake in words of its own."""
    return PydanticCustomError(_TEXT, "{text}", {"text": text})


LACKING: Final = "harness_lacking"


def lacking(text: str) -> PydanticCustomError:
    """Something is not there, as far as can be seen: a misspelled key may be it."""
    return PydanticCustomError(LACKING, "{text}", {"text": text})


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "description": "400ms, 2s, 1m30s, a number of seconds, none or forever",
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^((\d+(\.\d+)?(ns|us|ms|s|m|min|h|d))+|none|forever)$"},
            ],
        }
    ),
]
"""Nanoseconds, written as people write them."""


def _version(value: object) -> object:
    if type(value) is not int:  # true is equal to 1, and is no version
        wanted = "1, without quotes"
        raise _refusal(wanted)
    return value


Version = Annotated[Literal[1], BeforeValidator(_version)]
"""The version of the format: what makes a file a scenario."""

Times = Annotated[
    int,
    BeforeValidator(_times),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "forever"}]}),
]


def _available(value: object) -> object:
    if isinstance(value, bool):
        return [value]
    if not isinstance(value, list):
        wanted = "true, false or a list of them"
        raise _refusal(wanted)
    return value


Available = Annotated[
    list[bool],
    BeforeValidator(_available),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "boolean"}, "minItems": 1}]}),
]
"""What `is_available` says: always the same, or one after the other; the last repeats."""


class Strict(BaseModel):
    """The base of everything in a scenario: no unknown keys, no guessing of types, frozen.

    `later` are the keys of later versions: they are refused by name, because ignoring one would be a false pass.
    A key with nothing behind it is refused for the same reason, but for those in `nullable`: `user:` would match all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_name=True, validate_by_alias=True)
    later: ClassVar[frozenset[str]] = frozenset()
    nullable: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _stands_there(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.field_name not in cls.nullable:
            message = "nothing stands here: give a value, or leave the key out"
            raise refused(message)
        return value


class TextMatch(Strict):
    """What a text has to be. A bare text stands for `contains`; several rules must all hold."""

    later: ClassVar[frozenset[str]] = frozenset({"exists", "json", "includes", "gte", "lte", "for"})

    equals: str | None = None
    contains: str | None = None
    startswith: str | None = None
    endswith: str | None = None
    regex: str | None = None
    glob: str | None = None
    not_: TextMatch | None = None

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"))

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A bare text is allowed too, which only the validator below knows."""
        schema = handler.resolve_ref_schema(handler(core))
        schema["minProperties"] = 1
        for name, rule in list(schema["properties"].items()):
            schema["properties"][name] = {"type": "string"} if name != "not" else rule["anyOf"][0]
        return {"anyOf": [{"type": "string"}, schema]}

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        if not isinstance(value, str | dict | TextMatch):
            wanted = "a text (in quotes, where it looks like something else) or a mapping such as {contains: text}"
            raise _refusal(wanted)
        return {"contains": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        rules = self.rules()
        if not rules and self.not_ is None:
            message = "no rule: it would match everything. Give equals, contains, startswith, endswith, regex or glob"
            raise refused(message)
        for name, text in rules.items():
            if not text and name != "equals":
                message = f"{name} of an empty text would match everything: leave the matcher out"
                raise refused(message)
        if self.regex is not None:
            _compiled(self.regex)
        return self

    def rules(self) -> dict[str, str]:
        """The rules that were given, `not` apart."""
        names = ("equals", "contains", "startswith", "endswith", "regex", "glob")
        return {name: text for name in names if (text := getattr(self, name)) is not None}

    def fits(self, text: str) -> bool:
        """True where every rule holds for `text`."""
        return all(_HOLDS[name](text, rule) for name, rule in self.rules().items()) and not (
            self.not_ is not None and self.not_.fits(text)
        )

    def __str__(self) -> str:
        """The matcher as its author would recognise it."""
        said = [f"{name} {text!r}" for name, text in self.rules().items()]
        return ", ".join([*said, *([f"not {self.not_}"] if self.not_ is not None else [])])


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        message = f"not a regular expression: {error}"
        raise refused(message) from error


_HOLDS: Final = {
    "equals": lambda text, rule: text == rule,
    "contains": lambda text, rule: rule in text,
    "startswith": lambda text, rule: text.startswith(rule),
    "endswith": lambda text, rule: text.endswith(rule),
    "regex": lambda text, rule: bool(re.search(rule, text)),
    "glob": fnmatchcase,
}

FinishWord = Literal["stop", "length", "tool", "filter", "refusal", "pause", "load", "missing"]


def _via(value: object) -> object:
    if not isinstance(value, str) or not (value in VIAS or _CALLABLE.fullmatch(value)):
        wanted = f"{', '.join(VIAS)} or callable:package.module:function"
        raise _refusal(wanted)
    return value


_CALLABLE: Final = re.compile(r"callable:[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")

Via = Annotated[
    str,
    BeforeValidator(_via),
    WithJsonSchema({"anyOf": [{"enum": list(VIAS)}, {"type": "string", "pattern": f"^{_CALLABLE.pattern}$"}]}),
]
"""How a cancel is said."""
