"""What a driver may ask of a model, as values and exceptions: the published types of both contracts, and
`contract=`."""

from harness.contract._adopt import adopted
from harness.contract._resolve import Contract, Types, resolve
from harness.contract._tool_call import parse_tool_call
from harness.contract._types import (
    ChatLLMBackend,
    GenerationCancelled,
    LLMBackend,
    LLMConnectionError,
    LLMError,
    LLMMessage,
    LLMParseError,
    LLMResponse,
    LLMResult,
    LLMTimeout,
    PromptLLMBackend,
)

__all__ = [
    "ChatLLMBackend",
    "Contract",
    "GenerationCancelled",
    "LLMBackend",
    "LLMConnectionError",
    "LLMError",
    "LLMMessage",
    "LLMParseError",
    "LLMResponse",
    "LLMResult",
    "LLMTimeout",
    "PromptLLMBackend",
    "Types",
    "adopted",
    "parse_tool_call",
    "resolve",
]
