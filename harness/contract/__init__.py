"""What a driver may ask of a model, as values and exceptions: the published types of both contracts, and
`contract=`."""

from harness.contract._adopt import adopted
from harness.contract._ask import Desk, ask, ask_later, tokens, tokens_later
from harness.contract._drive import LOOK_UP, AsyncWire, Line, Wire, sleep_until
from harness.contract._generation import Call
from harness.contract._prompt import DEFAULTS, chat_call, prompt_call
from harness.contract._resolve import Contract, Types, resolve
from harness.contract._retry import Pacer, Retries
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
from harness.contract._verbs import Verbs

__all__ = [
    "DEFAULTS",
    "LOOK_UP",
    "AsyncWire",
    "Call",
    "ChatLLMBackend",
    "Contract",
    "Desk",
    "GenerationCancelled",
    "LLMBackend",
    "LLMConnectionError",
    "LLMError",
    "LLMMessage",
    "LLMParseError",
    "LLMResponse",
    "LLMResult",
    "LLMTimeout",
    "Line",
    "Pacer",
    "PromptLLMBackend",
    "Retries",
    "Types",
    "Verbs",
    "Wire",
    "adopted",
    "ask",
    "ask_later",
    "chat_call",
    "parse_tool_call",
    "prompt_call",
    "resolve",
    "sleep_until",
    "tokens",
    "tokens_later",
]
