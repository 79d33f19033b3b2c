"""What the pages in `.github/findings/` were swept with: a small agent for each package, and how to sweep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import harness
from harness.model import Prompt, Reply, ToolCall, Usage

QUESTION: Final = "What is the weather in Paris today?"
TOOL: Final = "get_weather"
DESCRIPTION: Final = "The weather in a city, now."
CITY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
KEY: Final = "sk-of-nobody-0123456789"
TURNS_MAX: Final = 5
USAGE: Final = Usage(40, 12)


class GaveUp(Exception):  # noqa: N818 - what an agent of ours says when it notices that something is wrong
    """The agent looked at what its package gave it, and found it wanting. It is in every contract."""


def checked(*, finish: object, usual: set[str], something: bool) -> None:
    """What a careful agent asks of an answer. Raises GaveUp."""
    if finish not in usual or not something:
        message = f"the answer ended with {finish!r}" if something else "the answer is empty"
        raise GaveUp(message)


def weather_at_last(prompt: Prompt) -> Reply:
    """The same for a framework whose model says its answer by a tool, `final_answer`."""
    known = any("temp_c" in message.content for message in prompt.messages)
    answer = '{"answer": "It is 21 degrees in Paris today."}'
    name, arguments = ("final_answer", answer) if known else (TOOL, '{"city": "Paris"}')
    return Reply(
        text="", tool_calls=(ToolCall(id=f"call_{name}", name=name, arguments=arguments),), finish="tool", usage=USAGE
    )


def weather(prompt: Prompt) -> Reply:
    """The model: it calls the tool, and then says what the tool said. Any dialect, streamed or not."""
    if any(message.role == "tool" for message in prompt.messages):
        return Reply(text="It is 21 degrees in Paris today, with a light wind.", finish="stop", usage=USAGE)
    call = ToolCall(id="call_weather_1", name=TOOL, arguments='{"city": "Paris"}')
    return Reply(text="", tool_calls=(call,), finish="tool", usage=USAGE)


@dataclass(frozen=True, kw_only=True)
class Swept:
    """One sweep. `packages` are those whose versions matter, the first one gives the page its name.

    `contract` is called when it is needed: what it names may not be installed.
    """

    packages: tuple[str, ...]
    setup: Callable[[harness.Session], Any]
    run: Callable[..., Any]
    source: Any = weather
    contract: Callable[[], tuple[type[BaseException], ...]] = tuple
    keywords: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """What is swept, in the words of whoever makes it."""
        return " ".join(str(self.setup.__doc__).split())

    def sweep(self, **keywords: Any) -> harness.SweepReport:
        """The default sweep, or what `keywords` say of it."""
        return harness.sweep(
            self.run,
            self.source,
            setup=self.setup,
            contract=(GaveUp, *self.contract()),
            **{**self.keywords, **keywords},
        )


async def arun(session: harness.Session, agent: Any) -> Any:
    """An async agent."""
    del session
    return await agent.run()


def run(session: harness.Session, agent: Any) -> Any:
    """A sync one."""
    del session
    return agent.run()
