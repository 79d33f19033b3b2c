"""What has to come of a run, as it is written."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from harness.scenarios._durations import Duration
from harness.scenarios._strict import Strict, refused, wrong
from harness.scenarios._text import TextMatch
from harness.scenarios._when import Shape, When

Made = TypeVar("Made", bound=Strict)
_NAME: Final = re.compile(r"[A-Za-z_][\w.]*")


class Between(Strict):
    """How many: at least `min`, at most `max`."""

    min: Annotated[int, Field(ge=0)] | None = None
    max: Annotated[int, Field(ge=0)] | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A bare number is allowed too, which only the validator below knows."""
        return {"anyOf": [{"type": "integer", "minimum": 0}, handler.resolve_ref_schema(handler(core))]}

    @model_validator(mode="before")
    @classmethod
    def _of_number(cls, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | dict | Between):
            wanted = "a whole number, or a mapping such as {max: 4}"
            raise wrong(wanted)
        return {"min": value, "max": value} if isinstance(value, int) else value

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        return _ordered(self, self.min, self.max)

    def __str__(self) -> str:
        if self.min is not None and self.min == self.max:
            return str(self.min)
        low = [f"at least {self.min}"] if self.min is not None else []
        return " and ".join([*low, *([f"at most {self.max}"] if self.max is not None else [])])

    def holds(self, count: int) -> bool:
        """True where `count` is one of them."""
        return (self.min is None or count >= self.min) and (self.max is None or count <= self.max)


class Length(Strict):
    """How long: at least `min`, at most `max`."""

    min: Duration | None = None
    max: Duration | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        return _ordered(self, self.min, self.max)

    def holds(self, nanos: float) -> bool:
        """True where `nanos` nanoseconds are that long."""
        return (self.min is None or nanos >= self.min) and (self.max is None or nanos <= self.max)


class Gap(Length):
    """The time from request number `after` to the next one."""

    after: Annotated[int, Field(ge=1)]


class Tool(Strict):
    """A tool that the model called: what of its `args` has to be there, and how often."""

    name: str
    args: dict[str, JsonValue] | None = None
    times: Between | None = None


class Within(Strict):
    """How soon a cancel is obeyed: after how many further chunks, and within how much virtual time."""

    chunks: Annotated[int, Field(ge=0)] | None = None
    virtual: Duration | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.chunks is None and self.virtual is None:
            message = "give chunks, virtual, or both"
            raise refused(message)
        return self


class Asked(Strict):
    """Request number `call`, in order: what it has to be."""

    call: Annotated[int, Field(ge=1)]
    when: When


def _raised(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        wanted = "the name of an exception, such as LLMTimeout or openai.RateLimitError"
        raise wrong(wanted)
    return value


Raised = Annotated[str, BeforeValidator(_raised), WithJsonSchema({"type": "string", "pattern": rf"^{_NAME.pattern}$"})]


class Expect(Strict):
    """What has to come of a run. All that is given has to hold.

    `calls` counts the calls, `attempts` the requests; `order` names the rules that answered, one for each call.
    `result` is the text of what the driver returned, `raises` what it raised instead, by the name of the class or
    of one of its bases. `partial` is the text that it had by then.
    `state` is what the state of the scenario has to be at the end, as far as it is named.
    `not` is what must not be: `success`, `retry`, `raises`.
    `invariants` are the promises of a sweep: no exception but those of the contract or of an SDK, no part of an answer
    returned as a success, no retry storm, a cancel that is obeyed, nothing left behind, and what else a run shows by
    itself, or beside the same run without its faults.
    """

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"))

    calls: Between | None = None
    attempts: Between | None = None
    order: list[str] | None = None
    result: TextMatch | None = None
    raises: Raised | None = None
    partial: TextMatch | None = None
    not_: list[Literal["success", "retry", "raises"]] = Field(default_factory=list)
    virtual_time: Length | None = None
    wall_time: Length | None = None
    gaps: list[Gap] = Field(default_factory=list)
    tools: list[Tool] = Field(default_factory=list)
    state: dict[str, Shape] = Field(default_factory=dict)
    honoured_within: Within | None = None
    leaks: Literal["none"] | None = None
    reusable: bool | None = None
    requests: list[Asked] = Field(default_factory=list)
    invariants: Literal["default"] | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not self.model_fields_set:
            message = "nothing is expected: say what has to come, or leave the key out"
            raise refused(message)
        if self.result is not None and self.raises is not None:
            message = "result and raises: it cannot both return and raise"
            raise refused(message)
        if self.raises is not None and "raises" in self.not_:
            message = "raises and not: [raises] in one expectation"
            raise refused(message)
        return self


def _ordered(made: Made, low: int | None, high: int | None) -> Made:
    if low is None and high is None:
        message = "give min, max, or both"
        raise refused(message)
    if low is not None and high is not None and low > high:
        message = f"min {low} and max {high}: nothing is both"
        raise refused(message)
    return made
