"""Which requests a call answers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from harness.matching import parse_path
from harness.scenarios._strict import Strict, refused, wrong
from harness.scenarios._text import TextMatch, shape


def _turn(value: object) -> object:
    match value:
        case bool():
            pass
        case int() if value >= 1:
            return [value, value]
        case int():
            message = f"found {value}, allowed are numbers from 1"
            raise refused(message)
        case [bool(), _] | [_, bool()]:
            pass
        case [int() as first, int() as last] if 1 <= first <= last:
            return value
    wanted = "a whole number from one, or the first and the last as [1, 3]"
    raise wrong(wanted)


Count = Annotated[
    list[int],
    BeforeValidator(_turn),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
            ]
        }
    ),
]
"""A number from one, or a range of them, as its first and its last."""

Shape = Annotated[Any, BeforeValidator(shape)]
"""A value, with matchers anywhere in it."""


_MORE = frozenset({"header", "call", "attempt", "conversation", "state", "predicate"})
"""What a matcher may ask beside the method, the URL and the body of a request."""


class When(Strict):
    """Which requests a call answers. All that is given has to hold; nothing given is every request."""

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), validate_by_name=False)

    user: TextMatch | None = None
    system: TextMatch | None = None
    last: TextMatch | None = None
    assistant: TextMatch | None = None
    tool_result: TextMatch | None = None
    model: TextMatch | None = None
    tools: TextMatch | None = None
    header: dict[str, TextMatch] = Field(default_factory=dict)
    body: dict[str, Shape] = Field(default_factory=dict)
    path: TextMatch | None = None
    stream: bool | None = None
    turn: Count | None = None
    call: Count | None = None
    attempt: Count | None = None
    conversation: TextMatch | None = None
    state: dict[str, Shape] = Field(default_factory=dict)
    predicate: str | None = Field(default=None, min_length=1)
    all_: list[When] = Field(default_factory=list)
    any_: list[When] = Field(default_factory=list)
    not_: When | None = None

    @field_validator("body")
    @classmethod
    def _has_paths(cls, value: dict[str, Any]) -> dict[str, Any]:
        for path in value:
            try:
                parse_path(path)
            except ValueError as error:
                raise refused(str(error)) from error
        return value

    @property
    def asks_the_request_alone(self) -> bool:
        """True where the same method, URL and body always get the same verdict: nothing counts calls, reads headers or
        a state, or asks a predicate."""
        parts = (*self.all_, *self.any_, *([self.not_] if self.not_ is not None else []))
        return not self.model_fields_set & _MORE and all(part.asks_the_request_alone for part in parts)

    @property
    def is_everything(self) -> bool:
        """True where nothing was asked for."""
        return not self.model_fields_set or (
            self.model_fields_set <= {"all_"} and all(part.is_everything for part in self.all_)
        )
