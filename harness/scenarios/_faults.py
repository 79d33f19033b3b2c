"""What goes wrong, and where."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, JsonValue, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from harness.model import Locator, Strike
from harness.scenarios._durations import Times
from harness.scenarios._strict import Strict, lacking, refused


class Fault(Strict):
    """What goes wrong: the id of a fault alone, or with its parameters.

    Any further key is a parameter of that fault, and is checked against it. `probability` throws the dice of
    `clock.seed` each time.
    """

    model_config = ConfigDict(extra="allow")
    kind: str
    times: Times | None = None
    probability: float | None = Field(default=None, gt=0, le=1)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A bare id is allowed too, which only the validator below knows."""
        return {"anyOf": [{"type": "string"}, handler.resolve_ref_schema(handler(core))]}

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @property
    def params(self) -> dict[str, JsonValue]:
        """The parameters of the fault."""
        return dict(self.__pydantic_extra__ or {})


class FaultAt(Strict):
    """A fault and its place: `call=1`, `call=1/chunk=3`, `call=*`, `call=1/attempt=2/headers`."""

    model_config = ConfigDict(extra="allow")
    at: str
    kind: str
    times: Times | None = None
    probability: float | None = Field(default=None, gt=0, le=1)

    @property
    def params(self) -> dict[str, JsonValue]:
        """The parameters of the fault."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def locator(self) -> Locator:
        """The place, read. Raises ValueError where it is none."""
        return Locator.parse(self.at)

    @property
    def strike(self) -> Strike:
        """The fault and its place. Raises ValueError where it is none."""
        return Strike(self.locator, self.kind, tuple(self.params.items()))


class Edit(Strict):
    """One operation of a JSON Patch (RFC 6902): `path` and `from` are JSON Pointers, `/usage/output_tokens`."""

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), validate_by_name=False)
    nullable: ClassVar[frozenset[str]] = frozenset({"value"})

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str
    value: JsonValue = None
    from_: str | None = None

    @model_validator(mode="after")
    def _has_its_parts(self) -> Edit:
        for name, own, ops in (("value", "value", {"add", "replace", "test"}), ("from", "from_", {"move", "copy"})):
            is_there = own in self.model_fields_set
            if self.op in ops and not is_there:
                message = f"{self.op} needs `{name}`"
                raise lacking(message)
            if is_there and self.op not in ops:
                message = f"{self.op} takes no `{name}`"
                raise refused(message)
        for pointer in (self.path, self.from_ or ""):
            if pointer and not pointer.startswith("/"):
                message = f"{pointer!r} is no JSON Pointer: it begins with /, as in /usage/output_tokens"
                raise refused(message)
        return self


class Patch(Strict):
    """An edit of what an answer says, laid over it as it is played: the recording stays as it is.

    It is made on the JSON of the body, or of each event of a stream at the place `at` in which all of it can be made.
    """

    at: str
    patch: list[Edit] = Field(min_length=1)
    times: Times | None = None

    @property
    def locator(self) -> Locator:
        """The place, read. Raises ValueError where it is none."""
        return Locator.parse(self.at)
