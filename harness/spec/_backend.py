"""The backend contract, word for word: what a driver may ask of a model, and what it may rely on.

Two published contracts are the floor. The prompt contract is one shot and async; the chat contract is sync, streaming
and cancellable. The result types and exceptions stand in `harness.contract`; here they are only described, so that a
module that brings types of its own fits as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from harness.spec._protocols import CancelEvent

Messages = Sequence[Mapping[str, Any]]  # a TypedDict of the application's own is one; its values are str


@runtime_checkable
class PromptBackend(Protocol):
    """Prompt contract. `timeout` is in seconds, the cap of one generation by the clock on the wall."""

    model: str
    timeout: float

    async def generate(self, prompt: str) -> Any:
        """One LLMResult. Raises LLMTimeout past the cap, never returns silently empty output; soft failures are
        `success=False`; hard failures raise."""


@runtime_checkable
class Backend(Protocol):
    """Chat contract."""

    on_status: Callable[[str], None] | None
    cancel_event: CancelEvent | None
    last_finish_reason: str | None

    def complete(
        self,
        messages: Messages,
        stream: bool = False,  # noqa: FBT001, FBT002 - the published signature
        temperature: float = 0.7,
        top_p: float = 1.0,
        response_format: Any = None,
        stop_sequences: Sequence[str] | None = None,
        max_tokens: int | None = None,
    ) -> Any:
        """One LLMResponse. Raises LLMConnectionError, LLMParseError, GenerationCancelled."""

    def stream_tokens(
        self,
        messages: Messages,
        temperature: float = 0.7,
        top_p: float = 1.0,
        response_format: Any = None,
        stop_sequences: Sequence[str] | None = None,
        max_tokens: int | None = None,
    ) -> Iterator[str]:
        """The text as it comes. LLMConnectionError mid-stream comes after the tokens that did arrive."""

    def is_available(self) -> bool:
        """True where the backend would answer. Never raises."""

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        """The narrative, and the tool call as JSON or None."""


@runtime_checkable
class AsyncBackend(Protocol):
    """The async twins of the chat contract: cancelled by the task's own cancellation, usable afterwards."""

    async def acomplete(self, messages: Messages, **parameters: Any) -> Any:
        """As `complete`."""

    def astream_tokens(self, messages: Messages, **parameters: Any) -> AsyncIterator[str]:
        """As `stream_tokens`."""
