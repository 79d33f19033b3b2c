"""The drivers of `scenarios/` that talk to a backend: two applications as their users wrote them, given one of ours.

A driver is a function of the context: it takes a backend from there, runs the application, and returns what came of it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from harness.trials import Context

APPS = str(Path(__file__).parent / "apps")
if APPS not in sys.path:
    sys.path.insert(0, APPS)

from fireside import llm as chat_contract  # noqa: E402 - the applications are installed by the line above
from fireside.narrator import Narrator  # noqa: E402
from postbox import llm as prompt_contract  # noqa: E402
from postbox.breaker import CircuitBreaker  # noqa: E402
from postbox.generator import EmailGenerator  # noqa: E402
from postbox.parse import Email  # noqa: E402

TURN = "He tries the key."


def _post(recipient: str, email: Email) -> None:
    """A mail server that takes everything."""


async def email(ctx: Context) -> str:
    """One e-mail of postbox: its stage, and the mail where there is one."""
    backend: Any = ctx.backend(prompt_contract, timeout=30.0)
    return str(await EmailGenerator(backend, _post).send("Ada", "the meeting on Monday"))


async def emails(ctx: Context) -> str:
    """Five e-mails in a row, a minute's rest, and one more; the circuit breaker opens after three failures."""
    backend: Any = ctx.backend(prompt_contract, timeout=30.0)
    breaker = CircuitBreaker(threshold=3, cool_down=60.0)
    generator = EmailGenerator(backend, _post, breaker)
    statuses = [(await generator.send("Ada", f"number {number}")).status for number in range(1, 6)]
    await asyncio.sleep(60)
    statuses.append((await generator.send("Ada", "number 6")).status)
    return f"{', '.join(statuses)}; {breaker.state}"


def turn(ctx: Context) -> str:
    """One turn of fireside: how it ended, what the story keeps, the tool call, and what the reader saw below it."""
    backend: Any = ctx.backend(chat_contract)
    began, lines = ctx.clock.now(), list[str]()

    def status(text: str) -> None:
        lines.append(f"{(ctx.clock.now() - began) // 1_000_000_000}s {text}")

    told = Narrator(backend, ctx.emit, status).turn(TURN)
    kept = [f"kept: {sentence.strip()}" for sentence in told.committed]
    call = [f"call: {json.dumps(told.tool_call)}"] if told.tool_call is not None else []
    return "\n".join([told.ended, *kept, *call, *lines])


def story(ctx: Context) -> str:
    """The tokens as they come, and nothing caught: what a backend raises is what comes out."""
    backend = ctx.backend(chat_contract)
    for token in backend.stream_tokens([{"role": "user", "content": "Tell a story."}]):
        ctx.emit(token)
    return ctx.partial


async def story_async(ctx: Context) -> str:
    """The same in a task."""
    backend = ctx.backend()
    tokens: AsyncIterator[str] = backend.astream_tokens([{"role": "user", "content": "Tell a story."}])
    async for token in tokens:
        ctx.emit(token)
    return ctx.partial


def guarded_story(ctx: Context) -> str:
    """An application with a guard of its own, which throws away what comes after it has said stop."""
    backend = ctx.backend(chat_contract)
    for token in backend.stream_tokens([{"role": "user", "content": "Tell a story."}]):
        if not ctx.cancel_event.is_set():
            ctx.emit(token)
    return ctx.partial


def recipe(ctx: Context) -> str:
    """Structured output: JSON is asked for, fences are taken off, and what is no recipe is asked for once more."""
    backend = ctx.backend(chat_contract)
    said = [{"role": "user", "content": "A recipe as JSON, with name and minutes."}]
    for _ in range(2):
        answer = backend.complete(said, response_format="json").narrative_text
        found = _recipe(answer)
        if found is not None:
            return f"{found['name']}: {found['minutes']} minutes"
        said += [
            {"role": "assistant", "content": answer},
            {"role": "user", "content": "That was no JSON with name and minutes. Once more, and nothing else."},
        ]
    message = f"no recipe in {answer!r}"
    raise ValueError(message)


def _recipe(text: str) -> dict[str, Any] | None:
    fenced = re.search(r"^(?:```|~~~)\w*\n(.*?)\n(?:```|~~~)", text, re.DOTALL | re.MULTILINE)
    try:
        found = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"name", "minutes"} <= found.keys() else None


def interview(ctx: Context) -> str:
    """Three questions that the model asks, answered in a row: a conversation with a state."""
    backend = ctx.backend(chat_contract)
    answers: Callable[[], str] = iter(["Ada", "analyst", "yes"]).__next__
    said, heard = [{"role": "user", "content": "Hello."}], list[str]()
    for _ in range(4):
        heard.append(backend.complete(said).narrative_text)
        if not heard[-1].endswith("?"):
            break
        said += [{"role": "assistant", "content": heard[-1]}, {"role": "user", "content": answers()}]
    return " / ".join(heard)


def patient_story(ctx: Context) -> str:
    """Waits until the model is there, looking every ten seconds and no longer than a minute."""
    backend = ctx.backend(chat_contract)
    for _ in range(6):
        if backend.is_available():
            return story(ctx)
        time.sleep(10)
    return "the model did not come"


def chapter(ctx: Context) -> str:
    """A story in one piece, from another model where the first one has no time."""
    backend = ctx.backend(chat_contract, model="large", fallback_model="small", retries=2)
    answer = backend.complete([{"role": "user", "content": "Tell a story."}])
    return str(answer.narrative_text)
