"""The waterfall: the calls of a cassette on one time axis, what was asked and what came. Values in, lines out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from harness.cli._axis import ASCII, UNICODE, axis, duration
from harness.cli._terminal import Role, Terminal
from harness.dialects import recognise
from harness.model import (
    Cassette,
    Chunk,
    Interaction,
    Json,
    Nanos,
    Prompt,
    Reply,
    Reset,
    TimedOut,
    Timeline,
    Usage,
)

_LABEL = 11
_LINES_MAX = 4
_SETTING_MAX = 40
_BAD_STATUS = 400


def waterfall(
    cassette: Cassette, chosen: Iterable[Interaction], terminal: Terminal, *, full: bool = False
) -> Iterator[str]:
    """The lines to print. All calls share one scale, so that a slow one looks slow."""
    shown = list(chosen)
    chunks = sum(len(it.timeline.chunks) for it in shown)
    scale = max((it.timeline.end_at for it in shown), default=Nanos(0))
    title = f"{cassette.name}  {_count(len(shown), 'call')}, {_count(chunks, 'chunk')}, axis 0 to {duration(scale)}"
    yield terminal.paint(terminal.printable(title), "title")
    for note in cassette.notes:
        yield from _field("note", note, terminal, full=full)
    for interaction in shown:
        yield ""
        yield _heading(interaction, terminal)
        yield from _call(interaction, terminal, scale, full=full)


def _heading(interaction: Interaction, terminal: Terminal) -> str:
    request = interaction.request
    parts = urlsplit(request.url)
    known = recognise(request)
    prompt = interaction.prompt
    words = [
        interaction.id,
        f"{request.method} {parts.netloc}{parts.path}",
        known[1].name if known else "",
        prompt.model if prompt else "",
    ]
    return terminal.paint(terminal.printable("  ".join(word for word in words if word)), "title")


def _call(interaction: Interaction, terminal: Terminal, scale: Nanos, *, full: bool) -> Iterator[str]:
    timeline, reply = interaction.timeline, interaction.reply
    yield from _field("ask", _asked(interaction), terminal, full=full)
    drawn = axis(timeline, terminal.width - _LABEL, scale, UNICODE if terminal.unicode else ASCII)
    yield _labelled(_status(timeline), terminal.paint(drawn, "tick"), terminal, role=_status_role(timeline))
    yield from _field("heard", _heard(timeline), terminal, full=full)
    if reply is not None:
        for label, text in _said(reply):
            yield from _field(label, text, terminal, full=full)
    elif timeline.body:
        yield from _field("body", timeline.body.decode(errors="backslashreplace"), terminal, full=full)
    role: Role = "good" if timeline.end == "eof" else "bad"
    yield from _field("ended", ended(timeline), terminal, full=True, role=role)


def _asked(interaction: Interaction) -> str:
    prompt = interaction.prompt
    if prompt is None or not prompt.messages:
        return f"{len(interaction.request.body):,} bytes"
    return f"{_parameters(prompt)}{_messages(prompt)}"


def _messages(prompt: Prompt) -> str:
    last = prompt.messages[-1]
    before = len(prompt.messages) - 1
    earlier = f"{_count(before, 'earlier message')}, " if before else ""
    return f"{earlier}{last.role} {json.dumps(last.content, ensure_ascii=False)}"


def _parameters(prompt: Prompt) -> str:
    words = ["streamed"] if prompt.stream else []
    words += [f"{name}={json.dumps(value)}" for name, value in sorted(prompt.parameters.items()) if _is_short(value)]
    words += [f"tools: {', '.join(tool.name for tool in prompt.tools)}"] if prompt.tools else []
    return f"({', '.join(words)}) " if words else ""


def _is_short(value: Json) -> bool:
    return isinstance(value, bool | int | float | str) and len(str(value)) <= _SETTING_MAX


def _heard(timeline: Timeline) -> str:
    times = [at for at, event in timeline.events if isinstance(event, Chunk)]
    words = [f"head {duration(timeline.events[0][0])}"] if timeline.head else []
    if times:
        words.append(f"first chunk {duration(times[0])}")
        words.append(f"{_count(len(times), 'chunk')}, {len(timeline.body):,} bytes, the last at {duration(times[-1])}")
    return ", ".join(words) or "nothing"


def _said(reply: Reply) -> Iterator[tuple[str, str]]:
    if reply.thinking:
        yield "thinking", reply.thinking
    if reply.text:
        yield "reply", reply.text
    if reply.refusal:
        yield "refusal", reply.refusal
    for call in reply.tool_calls:
        yield "tool", f"{call.name}({call.arguments}) {call.id}".rstrip()
    if reply.problem:
        yield "problem", f"{reply.problem.kind} {reply.problem.message}".rstrip()
    finish = " ".join(filter(None, [reply.finish or reply.native_finish, _tokens(reply.usage)]))
    if finish:
        yield "finish", finish


def _tokens(usage: Usage | None) -> str:
    if usage is None:
        return ""
    known = [
        (usage.input_tokens, "in"),
        (usage.output_tokens, "out"),
        (usage.cached_tokens, "cached"),
        (usage.reasoning_tokens, "reasoning"),
    ]
    words = [f"{number:,} {word}" for number, word in known if number is not None]
    return f"(tokens: {', '.join(words)})" if words else ""


def ended(timeline: Timeline) -> str:
    """How `timeline` ended, in words."""
    at = duration(timeline.end_at)
    last = timeline.events[-1][1] if timeline.events else None
    match last:
        case Reset(error=error, message=message):
            return f"{error} at {at}{': ' if message else ''}{message}"
        case TimedOut(phase=phase):
            return f"{phase} timeout at {at}"
    words = {
        "eof": "as its framing says",
        "closed": "closed by the caller",
        "cancelled": "cancelled by the caller",
        "open": "the recording stops here",
    }
    return f"{words[timeline.end]}, at {at}"


def _status(timeline: Timeline) -> str:
    return str(timeline.head.status) if timeline.head else "no head"


def _status_role(timeline: Timeline) -> Role:
    return "quiet" if timeline.head and timeline.head.status < _BAD_STATUS else "bad"


def _field(label: str, text: str, terminal: Terminal, *, full: bool, role: Role | None = None) -> Iterator[str]:
    """`text` wrapped beside its label; a long one is cut and says how long it is."""
    wrapped = _wrapped(terminal.printable(text), terminal.width - _LABEL)
    if not full and len(wrapped) > _LINES_MAX:
        wrapped = [
            *wrapped[: _LINES_MAX - 1],
            f"{'…' if terminal.unicode else '...'} {len(text):,} characters (--full)",
        ]
    for number, line in enumerate(wrapped):
        painted = terminal.paint(line, role) if role else line
        yield _labelled(label if number == 0 else "", painted, terminal)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [textwrap.wrap(line, width, drop_whitespace=False) or [""] for line in text.split("\n")]
    return [piece for line in lines for piece in line]


def _labelled(label: str, text: str, terminal: Terminal, role: Role = "quiet") -> str:
    return f"  {terminal.paint(f'{label:<{_LABEL - 2}}', role)}{text}".rstrip()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
