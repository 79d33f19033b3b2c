"""What fireside asks of a model: a chat that streams, and that can be stopped."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypedDict


class LLMMessage(TypedDict):
    role: str
    content: str


class LLMResponse(NamedTuple):
    narrative_text: str
    tool_call: Any
    finish_reason: str


class LLMError(Exception):
    """Base of what can go wrong."""


class LLMConnectionError(LLMError):
    """The model is not there, or not there any more."""


class GenerationCancelled(Exception):  # noqa: N818 - the application's own name
    """The reader has had enough."""


class LLMBackend(ABC):
    on_status: Callable[[str], None] | None = None
    cancel_event: threading.Event | None = None
    last_finish_reason: str | None = None

    @abstractmethod
    def stream_tokens(
        self, messages: list[LLMMessage], temperature: float = 0.7, max_tokens: int | None = None
    ) -> Iterator[str]: ...

    @abstractmethod
    def is_available(self) -> bool: ...

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        """fireside's models end a turn with a block between two lines of tildes, or with none."""
        narrative, tildes, block = raw.partition("~~~")
        try:
            return narrative.rstrip(), json.loads(block.removeprefix("json").rstrip("~\n ")) if tildes else None
        except ValueError:
            return narrative.rstrip(), None
