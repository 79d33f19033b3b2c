"""The published result types and exceptions of both contracts, and the two bases to derive a backend from.

A driver that has types of its own keeps them: see `harness.contract.resolve`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from harness.contract._tool_call import parse_tool_call
from harness.spec import CancelEvent, Messages


class LLMMessage(TypedDict):
    """One message of the chat contract."""

    role: str
    content: str
    name: NotRequired[str]


@dataclass
class LLMResult:
    """What `generate` returns. `success` is False for a soft failure: it ran cleanly and produced nothing usable.

    `text` is raw. `latency_ms` is in whole milliseconds. `extra` has what is known: `rc`, `stderr`, `status`, `body`.
    """

    success: bool
    text: str
    model: str
    latency_ms: int
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class LLMResponse:
    """What `complete` returns. `finish_reason` is one of `stop`, `length`, `error`."""

    narrative_text: str
    tool_call: Any = None
    finish_reason: str = "stop"


class LLMError(Exception):
    """Base of the failures of both contracts. A voluntary cancellation is not one."""


class LLMConnectionError(LLMError):
    """The model was not reached, or was lost on the way: refused, DNS, timeout, HTTP error, cut in mid-stream."""


class LLMTimeout(LLMConnectionError):  # noqa: N818 - the published name
    """A generation took longer than its cap. A connection error too, so that one exception is right under both
    contracts."""


class LLMParseError(LLMError):
    """The answer came and is not what its content type or dialect says."""


class GenerationCancelled(Exception):  # noqa: N818 - the published name; voluntary, so no error
    """The caller's `cancel_event` was set. Never an error, never retried."""


class PromptLLMBackend(ABC):
    """Base for the prompt contract. `timeout` is in seconds: the wall-clock cap of one generation."""

    model: str = ""
    timeout: float = 60.0

    @abstractmethod
    async def generate(self, prompt: str) -> LLMResult:
        """One answer to `prompt`. Raises LLMTimeout past the cap; soft failures are `success=False`."""


class ChatLLMBackend(ABC):
    """Base for the chat contract: sync, streaming, cancellable. The hooks may be set after construction."""

    on_status: Callable[[str], None] | None = None
    cancel_event: CancelEvent | None = None
    last_finish_reason: str | None = None

    @abstractmethod
    def complete(
        self,
        messages: Messages,
        stream: bool = False,  # noqa: FBT001, FBT002 - the published signature
        temperature: float = 0.7,
        top_p: float = 1.0,
        response_format: Any = None,
        stop_sequences: Sequence[str] | None = None,
        max_tokens: int | None = None,
    ) -> LLMResponse:
        """One whole answer. Raises LLMConnectionError, LLMParseError, GenerationCancelled."""

    @abstractmethod
    def stream_tokens(
        self,
        messages: Messages,
        temperature: float = 0.7,
        top_p: float = 1.0,
        response_format: Any = None,
        stop_sequences: Sequence[str] | None = None,
        max_tokens: int | None = None,
    ) -> Iterator[str]:
        """The text as it comes. A loss in mid-stream is LLMConnectionError after the tokens that did arrive."""

    @abstractmethod
    def is_available(self) -> bool:
        """True where the backend would answer. Never raises."""

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        """The narrative, and the tool call or None."""
        return parse_tool_call(raw)


class LLMBackend(PromptLLMBackend, ChatLLMBackend):
    """Both contracts: what every backend of ours is."""
