"""A recording as the source of a scenario."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from harness.scenarios._strict import Strict, refused, wrong


def _pace(value: object) -> object:
    if value in ("recorded", "none") or (isinstance(value, int | float) and not isinstance(value, bool) and value > 0):
        return value
    wanted = "recorded, none, or a rate above zero (2 is twice as fast)"
    raise wrong(wanted)


Pace = Annotated[
    str | int | float,
    BeforeValidator(_pace),
    WithJsonSchema({"anyOf": [{"enum": ["recorded", "none"]}, {"type": "number", "exclusiveMinimum": 0}]}),
]


class Recorded(Strict):
    """Answers from a cassette, which is never edited. A bare text is its file.

    `match` are the parts of a request that have to be equal where it is not the recorded one byte for byte (`method`,
    `path`, `query`, `host`, `body`, `body.messages[-1]`, `body.tools[].name`); `order: strict` wants the requests in
    recorded order. `timing` is `recorded`, `none`, or a rate; `speed` is that rate, said beside `recorded`.
    `sha256` is that of the file, so that nobody changes it unseen.
    """

    file: str = Field(min_length=1)
    match: list[str] = Field(default_factory=list)
    timing: Pace = "recorded"
    speed: float = Field(default=1.0, gt=0)
    order: Literal["strict", "any"] = "any"
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A bare file is allowed too, which only the validator below knows."""
        return {"anyOf": [{"type": "string"}, handler.resolve_ref_schema(handler(core))]}

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_one_pace(self) -> Self:
        if "speed" in self.model_fields_set and self.timing != "recorded":
            message = f"timing {self.timing} and speed {self.speed:g}: only recorded times have a speed"
            raise refused(message)
        return self
