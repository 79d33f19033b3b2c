"""The typed model of a scenario: what the YAML may say, in one place. The JSON Schema for editors is made from it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, JsonValue, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from harness.model import Locator, Strike
from harness.scenarios._words import (
    Available,
    Duration,
    FinishWord,
    Strict,
    TextMatch,
    Times,
    Version,
    Via,
    lacking,
    refused,
)

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class Timing(Strict):
    """When things come: `ttft` is the time to the first token, `per_token` the time of each one."""

    later: ClassVar[frozenset[str]] = frozenset({"connect", "jitter", "tail"})

    ttft: Duration = 0
    per_token: Duration = 0


class Fault(Strict):
    """What goes wrong: the id of a fault alone, or with its parameters.

    Any further key is a parameter of that fault, and is checked against it.
    """

    model_config = ConfigDict(extra="allow")
    later: ClassVar[frozenset[str]] = frozenset({"probability"})

    kind: str
    times: Times | None = None

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
    later: ClassVar[frozenset[str]] = frozenset({"probability", "patch"})

    at: str
    kind: str
    times: Times | None = None

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


class ToolCall(Strict):
    """A tool that the model asks for. `args` is the value, `raw_args` the text where it has to be invalid."""

    later: ClassVar[frozenset[str]] = frozenset({"stream_args"})
    nullable: ClassVar[frozenset[str]] = frozenset({"id", "args"})

    name: str
    id: str | None = ""
    args: JsonValue = Field(default_factory=dict)
    raw_args: str | None = None


class Usage(Strict):
    """Token counts."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class Reply(Strict):
    """One answer. A `fault` beside a text strikes that answer; alone it strikes the answer that comes next.

    A request's `max_tokens` and `stop_sequences` shorten it only where `obeys` names them; a token is one piece of the
    text, as it streams.
    """

    later: ClassVar[frozenset[str]] = frozenset({"blocks", "json", "raw", "native_finish", "delivery", "thinking"})

    text: str | None = None
    chunks: list[str] | None = None
    tool_calls: list[ToolCall] = Field(default_factory=list)
    refusal: str | None = None
    failure: dict[str, JsonValue] | None = None
    fault: Fault | None = None
    finish: FinishWord | None = None
    usage: Usage | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    timing: Timing | None = None
    obeys: list[Literal["max_tokens", "stop_sequences"]] = Field(default_factory=list)

    @property
    def says(self) -> list[str]:
        """Which kinds of answer it holds; a fault is none."""
        given = (self.text, self.chunks, self.tool_calls or None, self.refusal, self.failure)
        names = ("text", "chunks", "tool_calls", "refusal", "failure")
        return [name for name, value in zip(names, given, strict=True) if value is not None]

    @model_validator(mode="after")
    def _is_one_answer(self) -> Self:
        says = self.says
        if not says and self.fault is None:
            message = "it says nothing: give text, chunks, tool_calls, refusal, failure or fault"
            raise refused(message)
        if len(says) > 1 and set(says) not in ({"text", "tool_calls"}, {"chunks", "tool_calls"}):
            message = f"{' and '.join(says)} in one reply: give one of them"
            raise refused(message)
        return self


class When(Strict):
    """Which requests a call answers. All that is given has to hold; nothing given is every request."""

    later: ClassVar[frozenset[str]] = frozenset(
        {
            "last", "assistant", "tool_result", "tools", "header", "body", "path", "call", "attempt", "conversation",
            "state", "predicate",
        }
    )  # fmt: skip
    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"))

    user: TextMatch | None = None
    system: TextMatch | None = None
    model: TextMatch | None = None
    stream: bool | None = None
    turn: Annotated[int, Field(ge=1)] | None = None
    all_: list[When] = Field(default_factory=list)
    any_: list[When] = Field(default_factory=list)
    not_: When | None = None

    @property
    def is_everything(self) -> bool:
        """True where nothing was asked for."""
        return not self.model_fields_set or (
            self.model_fields_set <= {"all_"} and all(part.is_everything for part in self.all_)
        )


class Call(Strict):
    """One rule: which requests it answers, and with what."""

    later: ClassVar[frozenset[str]] = frozenset({"priority", "set", "delivery", "faults"})

    id: Id
    when: When = Field(default_factory=When)
    reply: Reply | None = None
    sequence: list[Reply] | None = None
    then: Literal["last", "cycle", "error"] | None = None
    times: Times | None = None
    timing: Timing | None = None

    @model_validator(mode="after")
    def _answers_once(self) -> Self:
        if self.reply is None and self.sequence is None:
            message = "a call has a reply or a sequence, and neither is there"
            raise lacking(message)
        if self.reply is not None and self.sequence is not None:
            message = "a call has a reply or a sequence, and both are there"
            raise refused(message)
        if self.sequence is not None and not self.sequence:
            message = "a sequence needs at least one reply"
            raise refused(message)
        if self.then is not None and self.sequence is None:
            message = "`then` says what comes after a sequence, and there is none"
            raise refused(message)
        return self


class Cancel(Strict):
    """Say stop at a place: `call=1/chunk=3`, `call=1/await=4`, `t=12s`.

    `via` is how: `event` and `thread` set the backend's cancel_event, `task` cancels the task that reads, `close`
    closes the stream under it, `signal` is Ctrl-C, and `callable:pkg.mod:fn` calls `fn` with the session.
    """

    at: str
    via: Via = "event"


class Case(Strict):
    """One variation: other replies, further faults, a cancel."""

    later: ClassVar[frozenset[str]] = frozenset({"expect", "skip", "xfail"})

    id: Id
    reply: Reply | None = None
    replies: dict[str, Reply] = Field(default_factory=dict)
    faults: list[FaultAt] = Field(default_factory=list)
    cancel: Cancel | None = None


class Defaults(Strict):
    """What holds where a call or a reply says nothing."""

    later: ClassVar[frozenset[str]] = frozenset({"delivery"})

    timing: Timing = Field(default_factory=Timing)


class Scenario(Strict):
    """A whole file."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"clock", "state", "unmatched", "cassette", "overlay", "matrix", "driver", "sweep", "expect", "report"}
    )
    model_config = ConfigDict(title="harness scenario v1")

    harness: Version
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    description: str = ""
    provider: str = "any"
    available: Available = Field(default_factory=lambda: [True])
    defaults: Defaults = Field(default_factory=Defaults)
    calls: list[Call]
    faults: list[FaultAt] = Field(default_factory=list)
    cancel: Cancel | None = None
    cases: list[Case] = Field(default_factory=list)

    def case(self, name: str | None) -> Case | None:
        """The case called `name`. Raises KeyError."""
        if name is None:
            return None
        return {case.id: case for case in self.cases}[name]
