"""The verbs of both contracts, sync and async, over any wire: what every backend of ours is made of.

Nothing is kept on the instance but what the contracts name and one `desk_`: a contract's own base class may bring
attributes and methods of any other name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, NoReturn, Self

from harness.contract._ask import Desk, ask, ask_later, tokens, tokens_later
from harness.contract._prompt import chat_call, prompt_call
from harness.contract._tool_call import parse_tool_call
from harness.contract._types import LLMBackend
from harness.spec import CancelEvent, Messages


class Verbs(LLMBackend):
    """Both contracts. `timeout` is in seconds; `model` names what is asked; the hooks may be set at any time."""

    model: str = ""
    timeout: float = 60.0
    on_status: Callable[[str], None] | None = None
    cancel_event: CancelEvent | None = None
    last_finish_reason: str | None = None
    desk_: Desk

    def __copy__(self) -> Self:
        """A backend with settings of its own that asks the same model, or the same session."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """The same: there is only one model to ask, and one session."""
        del memo
        return self.__copy__()

    def __reduce__(self) -> NoReturn:
        """Refuses: what is behind it cannot go into another process."""
        message = f"a {type(self).__name__} asks a session or a model that is open here: it cannot be pickled"
        raise TypeError(message)

    async def generate(self, prompt: str) -> Any:
        """One LLMResult. Raises LLMTimeout past `timeout`; soft failures are `success=False`; hard failures raise."""
        return await ask_later(self, prompt_call(prompt, self.model))

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
        parameters = _parameters(temperature, top_p, response_format, stop_sequences, max_tokens)
        return ask(self, chat_call("complete", messages, self.model, stream=stream, parameters=parameters))

    def stream_tokens(
        self,
        messages: Messages,
        temperature: float = 0.7,
        top_p: float = 1.0,
        response_format: Any = None,
        stop_sequences: Sequence[str] | None = None,
        max_tokens: int | None = None,
    ) -> Iterator[str]:
        """The text as it comes. A loss in mid-stream is LLMConnectionError after the tokens that did arrive.

        Nothing is asked before the first token is; closing the iterator closes the connection.
        """
        parameters = _parameters(temperature, top_p, response_format, stop_sequences, max_tokens)
        call = chat_call("stream_tokens", messages, self.model, stream=True, parameters=parameters)
        yield from tokens(self, call)

    async def acomplete(
        self,
        messages: Messages,
        stream: bool = False,  # noqa: FBT001, FBT002 - the published signature
        temperature: float = 0.7,
        top_p: float = 1.0,
        response_format: Any = None,
        stop_sequences: Sequence[str] | None = None,
        max_tokens: int | None = None,
    ) -> Any:
        """As `complete`, for a task. Cancelling the task leaves the backend usable."""
        parameters = _parameters(temperature, top_p, response_format, stop_sequences, max_tokens)
        return await ask_later(self, chat_call("complete", messages, self.model, stream=stream, parameters=parameters))

    async def astream_tokens(
        self,
        messages: Messages,
        temperature: float = 0.7,
        top_p: float = 1.0,
        response_format: Any = None,
        stop_sequences: Sequence[str] | None = None,
        max_tokens: int | None = None,
    ) -> AsyncIterator[str]:
        """As `stream_tokens`, for a task."""
        parameters = _parameters(temperature, top_p, response_format, stop_sequences, max_tokens)
        call = chat_call("stream_tokens", messages, self.model, stream=True, parameters=parameters)
        async with aclosing(tokens_later(self, call)) as said:
            async for token in said:
                yield token

    def is_available(self) -> bool:
        """True where the model would answer. Never raises."""
        return self.desk_.is_up()

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        """The narrative, and the tool call of the text or None."""
        return parse_tool_call(raw)


def _parameters(
    temperature: float,
    top_p: float,
    response_format: Any,
    stop_sequences: Sequence[str] | None,
    max_tokens: int | None,
) -> dict[str, Any]:
    """The published parameters by their published names."""
    return {
        "temperature": temperature,
        "top_p": top_p,
        "response_format": response_format,
        "stop_sequences": stop_sequences,
        "max_tokens": max_tokens,
    }
