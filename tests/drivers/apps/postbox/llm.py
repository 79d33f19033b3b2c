"""What postbox asks of a model: one prompt in, one result out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any


@dataclass
class LLMResult:
    success: bool
    text: str
    model: str
    latency_ms: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    cost_cents: float | None = None


class LLMTimeout(Exception):  # noqa: N818 - the application's own name
    """The model took longer than `timeout` seconds."""


class LLMBackend(ABC):
    model: str
    timeout: float

    @abstractmethod
    async def generate(self, prompt: str) -> LLMResult:
        """Soft failures are `success=False`, a timeout is LLMTimeout, all else raises."""
