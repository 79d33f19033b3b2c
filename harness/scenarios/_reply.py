"""What is answered, when it comes, and in which pieces."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, PrivateAttr, WithJsonSchema, model_validator

from harness.scenarios._durations import Span
from harness.scenarios._faults import Fault
from harness.scenarios._strict import Strict, refused, wrong
from harness.scenarios._words import FinishWord

_DATA_URL: Final = re.compile(r"data:(image/[a-z0-9.+-]+);base64,((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={1,2})?)")
_ENDING: Final = re.compile(r".+\.(png|jpeg|jpg|webp|gif)")


class Timing(Strict):
    """When things come: `connect` until there is a connection, `ttft` from there to the first token, `per_token` the
    time of each one, `tail` from the last one to the end. `jitter` is a part of `per_token`, from 0 to 1: by so much
    each may be longer or shorter, as the dice of `clock.seed` say."""

    connect: Span = 0
    ttft: Span = 0
    per_token: Span = 0
    jitter: float = Field(default=0.0, ge=0, le=1)
    tail: Span = 0


def _chunk(value: object) -> object:
    if not isinstance(value, str) or not _CHUNK.fullmatch(value):
        wanted = "event, token, all, as-recorded or bytes:n"
        raise wrong(wanted)
    return value


_CHUNK: Final = re.compile(r"event|token|all|as-recorded|bytes:[1-9][0-9]{0,8}")

Chunking = Annotated[
    str, BeforeValidator(_chunk), WithJsonSchema({"type": "string", "pattern": f"^({_CHUNK.pattern})$"})
]


def _tokens(value: object) -> object:
    if value in ("words", "chars") or (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        return value
    wanted = "words, chars or a list of texts"
    raise wrong(wanted)


Tokens = Annotated[
    str | list[str],
    BeforeValidator(_tokens),
    WithJsonSchema({"anyOf": [{"enum": ["words", "chars"]}, {"type": "array", "items": {"type": "string"}}]}),
]


def _pieces(value: object) -> object:
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        return value
    wanted = "a text, or a list of texts that travel together"
    raise wrong(wanted)


Pieces = Annotated[
    str | list[str],
    BeforeValidator(_pieces),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Delivery(Strict):
    """In which pieces an answer comes. `tokens` cuts the text, `chunk` says what travels together, `newline`, `framing`
    and `compress` how it is written; what is not given is as its provider does it."""

    tokens: Tokens | None = None
    chunk: Chunking | None = None
    newline: Literal["lf", "crlf", "cr"] | None = None
    framing: Literal["chunked", "content-length", "close"] | None = None
    compress: Literal["gzip"] | None = None


class ToolCall(Strict):
    """A tool that the model asks for. `args` is the value, `raw_args` the text where it has to be invalid, and
    `stream_args` the text in the pieces in which it streams; pieces in one inner list travel in one chunk."""

    nullable: ClassVar[frozenset[str]] = frozenset({"id", "args"})

    name: str
    id: str | None = ""
    args: JsonValue = Field(default_factory=dict)
    raw_args: str | None = None
    stream_args: list[Pieces] | None = None


class Usage(Strict):
    """Token counts."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


def _image(value: object) -> object:
    if not isinstance(value, str) or not (_DATA_URL.fullmatch(value) or _ENDING.fullmatch(value)):
        wanted = "a file of this project (.png, .jpeg, .jpg, .webp, .gif) or a URL data:image/TYPE;base64,DATA"
        raise wrong(wanted)
    return value


ImagePlace = Annotated[
    str,
    BeforeValidator(_image),
    WithJsonSchema({"type": "string", "pattern": f"^({_DATA_URL.pattern}|{_ENDING.pattern})$"}),
]


class Block(Strict):
    """One part of an answer, in its place: a text, some thinking, a tool call, an image, or `raw`: bytes as they go on
    the wire.

    `image` is a file of this project, or a data URL (`data:image/png;base64,...`); it is said in one piece.
    """

    text: str | None = None
    thinking: str | None = None
    tool: ToolCall | None = None
    image: ImagePlace | None = None
    raw: str | None = None
    _content: bytes | None = PrivateAttr(default=None)

    def attach(self, content: bytes) -> None:
        """Take `content` for the file that `image` names: whoever loads the scenario reads it, once."""
        self._content = content

    @property
    def drawn(self) -> tuple[str, str]:
        """The media type of `image`, and its bytes in base64."""
        image = self.image or ""
        if found := _DATA_URL.fullmatch(image):
            return found[1], found[2]
        ending = image.rpartition(".")[2].replace("jpg", "jpeg")
        return f"image/{ending}", b64encode(self._content or b"").decode()

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            given = " and ".join(sorted(self.model_fields_set)) or "nothing"
            message = f"a block is one of text, thinking, tool, image or raw, found {given}"
            raise refused(message)
        return self


class Raw(Strict):
    """An answer as it goes over the wire: nothing is added to it.

    `body` is a text, or a value that is sent as JSON; `body_file` is a file of this project, sent byte for byte.
    """

    nullable: ClassVar[frozenset[str]] = frozenset({"body"})

    status: int = Field(default=200, ge=100, le=999)
    headers: dict[str, str] = Field(default_factory=dict)
    body: JsonValue = None
    body_file: str | None = None
    _content: bytes | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if {"body", "body_file"} <= self.model_fields_set:
            message = "body and body_file in one answer: give one of them"
            raise refused(message)
        return self

    def attach(self, content: bytes) -> None:
        """Take `content` for what `body_file` holds: whoever loads the file reads it, once."""
        self._content = content

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        if self._content is not None or "body" not in self.model_fields_set:
            return self._content or b""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        return text.encode()


class Reply(Strict):
    """One answer. A `fault` beside a text strikes that answer; alone it strikes the answer that comes next.

    A request's `max_tokens` and `stop_sequences` shorten it only where `obeys` names them; a token is one piece of the
    text, as it streams.
    """

    nullable: ClassVar[frozenset[str]] = frozenset({"json_", "usage"})

    text: str | None = None
    chunks: list[str] | None = None
    blocks: list[Block] | None = Field(default=None, min_length=1)
    tool_calls: list[ToolCall] = Field(default_factory=list)
    json_: JsonValue = Field(default=None, alias="json")
    refusal: str | None = None
    raw: Raw | None = None
    failure: dict[str, JsonValue] | None = None
    fault: Fault | None = None
    thinking: str | None = None
    finish: FinishWord | None = None
    native_finish: str | None = Field(default=None, min_length=1)
    usage: Usage | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    timing: Timing | None = None
    delivery: Delivery | None = None
    obeys: list[Literal["max_tokens", "stop_sequences"]] = Field(default_factory=list)

    @property
    def says(self) -> list[str]:
        """Which kinds of answer it holds; a fault is none."""
        given: tuple[Any, ...] = (
            self.text, self.chunks, self.blocks, self.tool_calls or None, self.refusal, self.raw, self.failure,
        )  # fmt: skip
        names = ("text", "chunks", "blocks", "tool_calls", "refusal", "raw", "failure")
        said = [name for name, value in zip(names, given, strict=True) if value is not None]
        return [*said, "json"] if "json_" in self.model_fields_set else said

    @model_validator(mode="after")
    def _is_one_answer(self) -> Self:
        says = self.says
        if not says and self.fault is None:
            message = "it says nothing: give text, chunks, blocks, tool_calls, json, refusal, raw, failure or fault"
            raise refused(message)
        if len(says) > 1 and set(says) not in ({"text", "tool_calls"}, {"chunks", "tool_calls"}):
            message = f"{' and '.join(says)} in one reply: give one of them"
            raise refused(message)
        return self
