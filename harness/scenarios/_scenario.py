"""The typed model of a scenario: what the YAML may say, in one place. The JSON Schema for editors is made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    PrivateAttr,
    Tag,
    WithJsonSchema,
    model_validator,
)

from harness.model import Cassette
from harness.scenarios._durations import Duration, Times
from harness.scenarios._expect import Expect
from harness.scenarios._faults import Fault, FaultAt, Patch
from harness.scenarios._matrix import Matrix
from harness.scenarios._recording import Recorded
from harness.scenarios._reply import Block, Delivery, Raw, Reply, Timing, ToolCall, Usage
from harness.scenarios._strict import Strict, lacking, nearest, refused, wrong
from harness.scenarios._sweep_keys import Report, Sweep
from harness.scenarios._text import TextMatch
from harness.scenarios._when import When
from harness.scenarios._words import Available, Id, Version, Via

__all__ = [
    "Block",
    "Call",
    "Cancel",
    "Case",
    "Clock",
    "Defaults",
    "Delivery",
    "Expect",
    "Fault",
    "FaultAt",
    "Matrix",
    "Patch",
    "Raw",
    "Recorded",
    "Reply",
    "Report",
    "Scenario",
    "Sweep",
    "TextMatch",
    "Timing",
    "ToolCall",
    "Usage",
    "When",
]

Scalar = str | int | float | bool | None


class Call(Strict):
    """One rule: which requests it answers, and with what.

    The call with the highest `priority` that matches answers; among equals the first in the file. `set` is what the
    state becomes once it has answered, `"+1"` counts. `faults` strike its own answers.
    """

    id: Id
    when: When = Field(default_factory=When)
    priority: int = 0
    reply: Reply | None = None
    sequence: list[Reply] | None = None
    then: Literal["last", "cycle", "error"] | None = None
    times: Times | None = None
    set: dict[str, JsonValue] = Field(default_factory=dict)
    timing: Timing | None = None
    delivery: Delivery | None = None
    faults: list[FaultAt] = Field(default_factory=list)

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
    closes the stream under it, and `signal` is Ctrl-C.
    `ignored` is the fault of a backend that goes on all the same: tokens come after the cancel.
    """

    at: str
    via: Via = "event"
    ignored: bool = False


class Case(Strict):
    """One variation: other replies, further faults, a cancel, and what has to come of it.

    `skip` and `xfail` say why a collected test of this case is not run, or is expected to fail.
    """

    id: Id
    reply: Reply | None = None
    replies: dict[str, Reply] = Field(default_factory=dict)
    faults: list[FaultAt] = Field(default_factory=list)
    cancel: Cancel | None = None
    expect: Expect | None = None
    skip: str | None = Field(default=None, min_length=1)
    xfail: str | None = Field(default=None, min_length=1)


class Defaults(Strict):
    """What holds where a call or a reply says nothing."""

    timing: Timing = Field(default_factory=Timing)
    delivery: Delivery = Field(default_factory=Delivery)


def _start(value: object) -> object:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, datetime) or found.tzinfo is None:
        wanted = "a date and time with its zone, such as 2026-01-01T00:00:00Z"
        raise wrong(wanted)
    return found


class Clock(Strict):
    """`start` is the date on which it begins, `horizon` how long it may take, and `seed` what the dice are made of."""

    start: Annotated[datetime, BeforeValidator(_start)] | None = None
    horizon: Duration | None = None
    seed: int | None = None


def _unmatched(value: object) -> object:
    match value:
        case "error" | "echo":
            return value
        case {"call": str(), **rest} if not rest:
            return value
    wanted = "error, echo or {call: the id of a call}"
    raise wrong(wanted)


Unmatched = Annotated[
    str | dict[str, str],
    BeforeValidator(_unmatched),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["error", "echo"]},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["call"],
                    "properties": {"call": {"type": "string"}},
                },
            ]
        }
    ),
]


def _laid(value: object) -> str:
    is_patch = isinstance(value, Patch) or (isinstance(value, dict) and "patch" in value)
    return "<patch>" if is_patch else "<fault>"


Laid = Annotated[
    Annotated[Patch, Tag("<patch>")] | Annotated[FaultAt, Tag("<fault>")],
    Discriminator(_laid),
]
"""What is laid over an answer: a fault, or an edit."""


class Scenario(Strict):
    """A whole file."""

    model_config = ConfigDict(title="harness scenario v1")

    harness: Version
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    description: str = ""
    provider: str = "any"
    clock: Clock = Field(default_factory=Clock)
    available: Available = Field(default_factory=lambda: [True])
    defaults: Defaults = Field(default_factory=Defaults)
    state: dict[str, Scalar] = Field(default_factory=dict)
    calls: list[Call] = Field(default_factory=list)
    cassette: Recorded | None = None
    unmatched: Unmatched = "error"
    overlay: list[Laid] = Field(default_factory=list)
    faults: list[FaultAt] = Field(default_factory=list)
    cancel: Cancel | None = None
    cases: list[Case] = Field(default_factory=list)
    matrix: Matrix | None = None
    driver: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")] | None = None
    expect: Expect | None = None
    sweep: Sweep | None = None
    report: Report | None = None

    @model_validator(mode="after")
    def _answers(self) -> Self:
        if not self.calls and self.cassette is None and "calls" not in self.model_fields_set:
            message = "'calls' is missing: a scenario needs calls, or a cassette"
            raise lacking(message)
        return self

    _recording: Cassette | None = PrivateAttr(default=None)
    _variants: dict[str, Scenario] = PrivateAttr(default_factory=dict)

    def replies(self) -> Iterator[tuple[tuple[str | int, ...], Reply]]:
        """Every reply in the file, and where it stands."""
        for number, call in enumerate(self.calls):
            if call.reply is not None:
                yield ("calls", number, "reply"), call.reply
            for place, item in enumerate(call.sequence or ()):
                yield ("calls", number, "sequence", place), item
        for number, case in enumerate(self.cases):
            if case.reply is not None:
                yield ("cases", number, "reply"), case.reply
            for name, reply in case.replies.items():
                yield ("cases", number, "replies", name), reply

    @property
    def recording(self) -> Cassette | None:
        """What the file of `cassette` holds, read when the scenario was."""
        return self._recording

    def attach(self, recording: Cassette) -> None:
        """Take `recording` for what the file of `cassette` holds."""
        self._recording = recording

    def vary(self, variants: Mapping[str, Scenario]) -> None:
        """Take `variants` for the combinations of its matrix."""
        self._variants = dict(variants)

    @property
    def names(self) -> list[str | None]:
        """Everything that it can be played as: itself, which is None, unless it has a matrix, and its `case_ids`."""
        return [*([] if self._variants else [None]), *self.case_ids]

    @property
    def case_ids(self) -> list[str]:
        """Every id that it can be played by: those of its cases, or of the combinations of its matrix, with
        `-` and the case behind where it has both."""
        own = [case.id for case in self.cases]
        if not self._variants:
            return own
        return [name if case is None else f"{name}-{case}" for name in self._variants for case in (None, *own)]

    def played(self, name: str | None) -> tuple[Scenario, Case | None]:
        """The scenario that is played under `name`, without its matrix, and its case. Raises ValueError for a name
        that is none of `case_ids`, and for none where there is a matrix."""
        whole: dict[str, tuple[Scenario, Case | None]] = {}
        for prefix, variant in (self._variants or {"": self}).items():
            names = {case.id: f"{prefix}-{case.id}" if prefix else case.id for case in variant.cases}
            whole |= {names[case.id]: (variant, case) for case in variant.cases}
            if prefix:
                whole[prefix] = (variant, None)
        if name is None and not self._variants:
            return self, None
        if name is None or name not in whole:
            ids = self.case_ids
            said = f"no case {name!r}.{nearest(str(name), ids)}" if name is not None else "a matrix: say which case."
            message = f"{self.name} has {said} There are: {', '.join(ids) or 'none'}"
            raise ValueError(message)
        return whole[name]

    def case(self, name: str | None) -> Case | None:
        """The case called `name`. Raises KeyError."""
        if name is None:
            return None
        return {case.id: case for case in self.cases}[name]
