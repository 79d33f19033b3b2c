"""The base of everything in a scenario, and how a part of one is refused."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

_VALUE: Final = "harness_value"
_TEXT: Final = "harness_text"
LACKING: Final = "harness_lacking"


def wrong(wanted: str) -> PydanticCustomError:
    """What is allowed; what was found is added with its place."""
    return PydanticCustomError(_VALUE, "{wanted}", {"wanted": wanted})


def refused(text: str) -> PydanticCustomError:
    """A mistake in words of its own."""
    return PydanticCustomError(_TEXT, "{text}", {"text": text})


def lacking(text: str) -> PydanticCustomError:
    """Something is not there, as far as can be seen: a misspelled key may be it."""
    return PydanticCustomError(LACKING, "{text}", {"text": text})


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing."""
    near = get_close_matches(word, list(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""


class Strict(BaseModel):
    """The base of everything in a scenario: no unknown keys, no guessing of types, frozen.

    A key with nothing behind it is refused, but for those in `nullable`: `user:` would match all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_name=True, validate_by_alias=True)
    nullable: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _stands_there(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.field_name not in cls.nullable:
            message = "nothing stands here: give a value, or leave the key out"
            raise refused(message)
        return value
