"""What the wire means: the parsed view. Bytes with times are the truth; nothing here is ever written back as bytes.

A decoder turns bytes into Deltas, in the order in which they were said; a Reply is the sum of the Deltas of one answer.
Unknown things are kept as Unknown, never dropped and never fatal: providers add event types every month.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"

FinishReason: TypeAlias = Literal["stop", "length", "tool", "filter", "refusal", "pause", "load", "error"]
"""Why the model stopped, in one vocabulary. The provider's own word is kept beside it as `native`."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. `arguments` is the JSON text as it was sent, which may be cut short or invalid."""

    name: str
    arguments: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt. `content` is its text parts joined; what is no text is named in `attachments`."""

    role: str
    content: str = ""
    name: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model was offered."""

    name: str
    description: str = ""
    schema: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What was asked. `parameters` holds only what the caller set, under our names where we have one: `temperature`,
    `top_p`, `max_tokens`, `stop_sequences`, `response_format`, `seed`, `n`; under the provider's own name otherwise.

    A system text that the wire keeps apart (Anthropic `system`, Gemini `systemInstruction`, Responses `instructions`)
    is a first message with the role `system`. `stream` is None where the wire does not say.
    """

    messages: tuple[Message, ...] = ()
    model: str = ""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    stream: bool | None = None

    @property
    def text(self) -> str:
        """The text of the last user message, or empty."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def system(self) -> str:
        """The texts of the system and developer messages, joined by a newline."""
        return "\n".join(m.content for m in self.messages if m.role in {"system", "developer"})


@dataclass(frozen=True, slots=True)
class Began:
    """The answer has an identity: its id and the model that the provider says is answering."""

    id: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer's text. `choice` counts from zero where several were asked for."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of reasoning text, or of its summary."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A piece of text in which the model declines, where the wire keeps that apart from the answer."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """A whole picture that the model made: `data` is base64 as it stands on the wire, `media_type` such as
    `image/png`."""

    media_type: str
    data: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolFragment:
    """A piece of a tool call. Pieces with the same `index` and `choice` belong together; `name` and `id` come with the
    first, `arguments` add up."""

    index: int
    name: str = ""
    arguments: str = ""
    id: str = ""
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """The model stopped. `reason` is None where the provider's word (`native`) is new to us."""

    reason: FinishReason | None
    native: str = ""
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider gave them; None where it did not say. Later ones replace earlier ones by field."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


ProblemKind: TypeAlias = Literal[
    "rate-limit", "quota", "overloaded", "server-error", "timeout", "auth", "permission", "not-found",
    "invalid-request", "context-length", "content-filter", "failure", "malformed", "unknown",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that the wire reports, with a status of its own or in the middle of a 200.

    `failure` is the soft kind of the prompt contract: it ran cleanly and produced nothing usable; `extra` says what is
    known (`rc`, `stderr`). `malformed` is ours: the bytes are not what the content type says.
    `retry_after_s` is in seconds, from header or body.
    """

    kind: ProblemKind
    message: str = ""
    code: str = ""
    status: int | None = None
    retry_after_s: float | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """Progress that a backend reported while it waited (`on_status`). Only the native dialect carries it."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event that we do not know: its type, and its data as text."""

    event: str
    data: str = ""


Delta: TypeAlias = (
    Began | Text | Thinking | Refusal | Image | ToolFragment | Finish | Usage | Problem | Status | Unknown
)  # fmt: skip


Spoken: TypeAlias = str | Text | Thinking | Refusal | Image | ToolFragment
"""A piece of an answer as a model says it: each is one delta of a stream. A plain text is a Text."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, decoded. All but `deltas` is of choice 0; `deltas` has every choice. `unknown` are those of them that
    nothing else here is the sum of."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: FinishReason | None = None
    native_finish: str = ""
    usage: Usage | None = None
    problem: Problem | None = None
    id: str = ""
    model: str = ""
    deltas: tuple[Delta, ...] = field(default=(), repr=False)
    images: tuple[Image, ...] = ()
    unknown: tuple[Unknown, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, deltas: Iterable[Delta]) -> Reply:
        """The sum of `deltas`. The first problem counts; of all else the last word."""
        return _sum(tuple(deltas))


def _sum(deltas: tuple[Delta, ...]) -> Reply:
    # Most answers are texts and little else, and what is not there costs no call.
    texts: list[str] = []
    kinds: dict[type[Delta], list[Any]] = defaultdict(list)
    for delta in deltas:
        if type(delta) is Text:
            if delta.choice == 0:
                texts.append(delta.text)
        elif getattr(delta, "choice", 0) == 0:
            kinds[type(delta)].append(delta)
    began, fragments, usage = kinds.get(Began), kinds.get(ToolFragment), kinds.get(Usage)
    thinking, refusal = kinds.get(Thinking), kinds.get(Refusal)
    finish: Finish | None = kinds[Finish][-1] if Finish in kinds else None
    return Reply(
        text="".join(texts),
        thinking=_joined(thinking) if thinking else "",
        refusal=_joined(refusal) if refusal else "",
        tool_calls=_tool_calls(fragments) if fragments else (),
        finish=finish.reason if finish else None,
        native_finish=finish.native if finish else "",
        usage=_usage(usage) if usage else None,
        problem=kinds[Problem][0] if Problem in kinds else None,
        id=next((d.id for d in began if d.id), "") if began else "",
        model=next((d.model for d in began if d.model), "") if began else "",
        deltas=deltas,
        images=tuple(kinds.get(Image, ())),
        unknown=tuple(kinds.get(Unknown, ())),
    )


def _joined(pieces: list[Thinking | Refusal]) -> str:
    return "".join([piece.text for piece in pieces])


def _tool_calls(fragments: Iterable[ToolFragment]) -> tuple[ToolCall, ...]:
    """Fragments added up by index, in the order in which the indexes first appear."""
    calls: dict[int, ToolCall] = {}
    for piece in fragments:
        known = calls.get(piece.index, ToolCall(name=""))
        calls[piece.index] = ToolCall(
            name=known.name or piece.name,
            arguments=known.arguments + piece.arguments,
            id=known.id or piece.id,
        )
    return tuple(calls.values())


def _usage(reports: list[Usage]) -> Usage:
    def last(name: str) -> int | None:
        return next((v for r in reversed(reports) if (v := getattr(r, name)) is not None), None)

    return Usage(last("input_tokens"), last("output_tokens"), last("cached_tokens"), last("reasoning_tokens"))
