"""TextMatch: what a text, or a value out of a request, has to be."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, SchemaError, SchemaValidator, core_schema

from harness.scenarios._strict import Strict, refused, wrong

_TEXTS: Final = ("contains", "startswith", "endswith", "regex", "glob")
RULES: Final = (*("equals", *_TEXTS), "exists", "json", "includes", "gte", "lte", "for", "not")
_PATTERN_MAX: Final = 1_000


def shape(value: Any) -> Any:
    """`value` with its matchers read: a mapping whose keys are all rules is one, any other says which keys have to be
    there. Raises the mistake for a rule that is misspelled, because a rule taken for a key would never match."""
    if isinstance(value, list):
        return [shape(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value and value.keys() <= set(RULES):
        return _matcher(value)
    for name in value:
        near = get_close_matches(str(name), RULES, 1, 0.8)
        if near:
            message = f"{name!r} is no rule. Did you mean {near[0]!r}? A key of that name is asked for with equals"
            raise refused(message)
    return {name: shape(item) for name, item in value.items()}


def _matcher(value: dict[str, Any]) -> TextMatch:
    try:
        return TextMatch.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        where = ".".join(map(str, found["loc"]))
        message = f"{where}: {found['msg']}" if where else found["msg"]
        raise refused(message) from error


class TextMatch(Strict):
    """What a text has to be. A bare text stands for `contains`; several rules must all hold.

    Of a list (tools, several values of a body) one item has to be it, and `includes` names items that are there.
    A value that is there but no text is its JSON text for the rules of texts. `gte` and `lte` read numbers, `json`
    reads the text as JSON and says which parts it has to have, `for` picks the result of that tool call.
    """

    nullable: ClassVar[frozenset[str]] = frozenset({"equals", "json_", "includes"})

    equals: JsonValue = None
    contains: str | None = None
    startswith: str | None = None
    endswith: str | None = None
    regex: str | None = None
    glob: str | None = None
    exists: bool | None = None
    json_: Annotated[Any, BeforeValidator(shape)] = None
    includes: JsonValue = None
    gte: float | None = None
    lte: float | None = None
    for_: str | None = Field(default=None, min_length=1)
    not_: TextMatch | None = None

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), validate_by_name=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A bare text is allowed too, which only the validator below knows."""
        schema = handler.resolve_ref_schema(handler(core))
        schema["minProperties"] = 1
        for rule in schema["properties"].values():
            kinds = [kind for kind in rule.pop("anyOf", ()) if kind != {"type": "null"}]
            rule.pop("default", None)
            rule.update(kinds[0] if len(kinds) == 1 else {})
        return {"anyOf": [{"type": "string"}, schema]}

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        if not isinstance(value, str | dict | TextMatch):
            wanted = "a text (in quotes, where it looks like something else) or a mapping such as {contains: text}"
            raise wrong(wanted)
        return {"contains": value} if isinstance(value, str) else value

    @field_validator("regex")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        if value:
            pattern(value)
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set - {"for_"}:
            message = f"no rule: it would match everything. Give one of {', '.join(RULES)}"
            raise refused(message)
        for name in _TEXTS:
            if getattr(self, name) == "":
                message = f"{name} of an empty text would match everything: leave the matcher out"
                raise refused(message)
        if self.gte is not None and self.lte is not None and self.gte > self.lte:
            message = f"gte {self.gte:g} and lte {self.lte:g}: no number is both"
            raise refused(message)
        return self

    def rules(self) -> dict[str, Any]:
        """The rules that were given, in the order of the reference, `for` and `not` apart."""
        names = {name: f"{name}_" if name == "json" else name for name in RULES if name not in {"for", "not"}}
        return {name: getattr(self, own) for name, own in names.items() if own in self.model_fields_set}

    def __str__(self) -> str:
        """The matcher as its author would recognise it."""
        said = [f"{name} {told(value)}" for name, value in self.rules().items()]
        said += [f"for {self.for_}"] if self.for_ is not None else []
        return ", ".join([*said, *([f"not {self.not_}"] if self.not_ is not None else [])])


def told(value: object) -> str:
    """A wanted value in a few words."""
    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case TextMatch():
            return f"{{{value}}}"
        case Mapping():
            return "{" + ", ".join(f"{name}: {told(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(told(item) for item in value) + "]"
        case float():
            return f"{value:g}"
    return repr(value)


_patterns: dict[str, SchemaValidator] = {}


def pattern(text: str) -> SchemaValidator:
    """`text` as a regular expression that is found in a time that grows with the text, and no faster: pydantic's engine
    has no look-around and no back-references, and so nothing that a pattern could hang on. Raises the mistake."""
    found = _patterns.get(text)
    if found is not None:
        return found
    if len(text) > _PATTERN_MAX:
        message = f"a pattern of {len(text):,} characters; at most {_PATTERN_MAX:,} are read"
        raise refused(message)
    try:
        made = SchemaValidator(core_schema.str_schema(pattern=text, regex_engine="rust-regex"))
    except SchemaError as error:
        message = f"not a regular expression: {_reason(str(error))}"
        raise refused(message) from error
    return _patterns.setdefault(text, made)


def _reason(text: str) -> str:
    """What the engine says is wrong, without its drawing of the place."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = next((line for line in lines if line.startswith("error:")), lines[-1])
    return last.removeprefix("error: ")
