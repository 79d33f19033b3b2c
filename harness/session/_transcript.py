"""The transcript: what your code did, as text made for a snapshot.

Offset and outcome come first. There is no wall time, no path and no random id in it, so that it is the same on every
machine and on every run; sub-second jitter is rounded to whole seconds (exact in `session.history`).
A message that was shown before is not shown again: what is new in a prompt is marked with `+`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from harness.dialects import MEANING
from harness.engine import Entry, History
from harness.matching import Redaction
from harness.model import (
    PER_SECOND,
    Head,
    Interaction,
    Json,
    Message,
    Nanos,
    Problem,
    Reply,
    Reset,
    TimedOut,
    ToolCall,
)

_PROMPT_SHOWN_MAX = 60
_REPLY_SHOWN_MAX = 300
_ID_KEPT_MAX = 12
_WIDTH = 74


class Transcriber:
    """Writes the transcript of one history. Keeps what it has shown, so one is used once."""

    def __init__(self, history: Sequence[Entry], title: str, clock: str) -> None:
        self._history = history
        self._title = title
        self._clock = clock
        self._shown: list[Message] = []
        self._ids: dict[str, str] = {}

    def text(self) -> str:
        """The whole transcript, ending without a newline."""
        return "\n".join(line.rstrip() for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self._title:<{_WIDTH}}{self._clock}"
        for attempts in _by_call(self._history):
            yield self._call_line(attempts[0])
            for entry in attempts:
                if len(attempts) > 1:
                    yield f"  attempt {entry.attempt}"
                yield from self._attempt_lines(entry)
        yield _footer(self._history)

    def _call_line(self, entry: Entry) -> str:
        prompt = entry.prompt
        name = entry.id if entry.id and not entry.id.startswith("#") else ""
        tools = f"tools: {', '.join(tool.name for tool in prompt.tools)}" if prompt.tools else ""
        settings = " ".join(
            f"{key}={_plain(value)}" for key, value in sorted(prompt.parameters.items()) if _worth_showing(value)
        )
        parts = [name, _asked(entry), prompt.model, tools, settings]
        return f"{entry.call} " + "  ".join(part for part in parts if part)

    def _attempt_lines(self, entry: Entry) -> Iterator[str]:
        yield from self._ask_lines(entry)
        first = "cancel" if entry.left is not None else ""  # what made the caller leave
        timed = [(_ended_at(entry), self._outcome(entry)), *_notes(entry)]  # a wait is told after what it is for
        for at, (label, text) in sorted(timed, key=lambda item: (item[0], item[1][0] != first)):
            yield _line(at, label, text)
        yield from (f"{'':<11}→ {note.text}" for note in entry.notes if note.label == "result")

    def _ask_lines(self, entry: Entry) -> Iterator[str]:
        messages = list(entry.prompt.messages)
        if not messages:
            if entry.attempt == 1:
                yield _line(entry.at, "ask", f"{len(entry.request.body):,} bytes")
            return
        seen = len(self._shown)
        grows = bool(seen) and messages[:seen] == self._shown
        fresh = messages[seen:] if grows else messages
        self._shown = messages
        if not fresh:
            return
        if grows:
            texts = [f"+ {self._message(message)}" for message in fresh]
        else:
            texts = [", ".join(self._message(message) for message in fresh)]
        for place, text in enumerate(texts):
            yield _line(entry.at, "ask", text) if place == 0 else f"{'':<21}{text}"

    def _message(self, message: Message) -> str:
        calls = "".join(f" {call.name}{self._id(call.id)}" for call in message.tool_calls)
        answers = self._id(message.tool_call_id)
        text = f" {_quoted(message.content, _PROMPT_SHOWN_MAX)}" if message.content or not calls else ""
        return f"{message.role}{answers}{text}{calls}"

    def _id(self, native: str) -> str:
        """Short ids as they are; long ones, which are random, by the order in which they appear."""
        if not native:
            return ""
        if len(native) <= _ID_KEPT_MAX:
            return f" #{native}"
        return " #" + self._ids.setdefault(native, str(len(self._ids) + 1))

    def _outcome(self, entry: Entry) -> tuple[str, str]:
        reply = entry.reply
        head = entry.timeline.head
        last = entry.events[-1][1] if entry.events else None
        match last:
            case _ if entry.how == "miss":
                return "miss", "not on the cassette"
            case Reset(error=error, message=message):
                return "reset", ", ".join(filter(None, [error, message, _heard(entry, reply)]))
            case TimedOut(phase=phase):
                waited = _heard(entry, reply) or "waiting for the first byte"
                return "timed out", f"{waited} ({phase} timeout)"
        if head is not None and reply is not None and reply.problem is not None and not reply.text:
            return _problem(reply.problem, head)
        heard_all = entry.left == "closed" and reply is not None and reply.finish is not None
        if entry.left is not None and not heard_all:
            return entry.left, _heard(entry, reply) or "before the first byte"
        return "reply", self._reply(reply, head, entry)

    def _reply(self, reply: Reply | None, head: Head | None, entry: Entry) -> str:
        if reply is None:
            return f"{head.status if head else 'no'} status, {len(entry.timeline.body):,} bytes"
        parts = [
            f"thinking {_quoted(reply.thinking, _PROMPT_SHOWN_MAX)}" if reply.thinking else "",
            _quoted(reply.text, _REPLY_SHOWN_MAX) if reply.text or not reply.tool_calls else "",
            f"refusal {_quoted(reply.refusal, _REPLY_SHOWN_MAX)}" if reply.refusal else "",
            *(f"tool {_called(call)}{self._id(call.id)}" for call in reply.tool_calls),
            f"problem {reply.problem.kind} {reply.problem.message}".rstrip() if reply.problem else "",
            f"finish={reply.finish or reply.native_finish or 'none'}",
        ]
        return "  ".join(part for part in parts if part)


def transcript(history: History, title: str, clock: str, redaction: Redaction | None = None) -> str:
    """The transcript of `history`, redacted: it becomes a snapshot, and a snapshot is committed."""
    shown = [_redacted(entry, redaction or Redaction.default()) for entry in history]
    return Transcriber(shown, title, clock).text()


def _redacted(entry: Entry, redaction: Redaction) -> Entry:
    """`entry` without secrets. Before anything is decoded, so that one that is spelled over two events is known."""
    request, timeline = redaction.request(entry.request), entry.timeline
    notes = [replace(note, text=redaction.text(note.text)) for note in entry.notes]
    kept = redaction.timeline(timeline)
    asked = entry.answered.request if entry.answered is not None else request
    if (request, kept, notes) == (entry.request, timeline, entry.notes):
        return entry
    heard = [(Nanos(at + entry.at), event) for at, event in kept.events]
    answered = Interaction(asked, kept, meaning=MEANING) if entry.answered is not None else None
    return replace(entry, request=request, answered=answered, played=[], heard=heard, notes=notes, _prompt=None)


def _by_call(history: Iterable[Entry]) -> list[list[Entry]]:
    calls: dict[int, list[Entry]] = {}
    for entry in history:
        calls.setdefault(entry.call, []).append(entry)
    return list(calls.values())


def _asked(entry: Entry) -> str:
    parts = urlsplit(entry.request.url)
    if parts.scheme == "native":
        return parts.path.lstrip("/")
    return f"{entry.request.method} {parts.hostname or ''}{parts.path}"


def _worth_showing(value: Json) -> bool:
    return isinstance(value, str | int | float) and value is not False and value != ""


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _notes(entry: Entry) -> list[tuple[Nanos, tuple[str, str]]]:
    return [(note.at, (note.label, note.text)) for note in entry.notes if note.label != "result"]


def _ended_at(entry: Entry) -> Nanos:
    if entry.left is not None:
        return entry.left_at
    return entry.events[-1][0] if entry.events else entry.at


def _line(at: Nanos, label: str, text: str) -> str:
    return f"    {_time(at):<7}{label:<10}{text}"


def _time(at: Nanos) -> str:
    return f"{round(at / PER_SECOND)}s"


def _quoted(text: str, shown_max: int) -> str:
    """`text` in quotes; a long one as its length and tail, with a digest so that every change shows."""
    if len(text) <= shown_max:
        return json.dumps(text, ensure_ascii=False)
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=3).hexdigest()
    tail = json.dumps(text[-shown_max:], ensure_ascii=False)[1:]
    return f'{len(text):,} chars ({digest}) "…{tail}'


def _called(call: ToolCall) -> str:
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        return f"{call.name}({call.arguments}"
    if not isinstance(arguments, dict):
        return f"{call.name}({call.arguments})"
    inside = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())
    return f"{call.name}({inside})"


def _problem(problem: Problem, head: Head) -> tuple[str, str]:
    wait = f", retry after {problem.retry_after_s:g}s" if problem.retry_after_s is not None else ""
    message = f": {problem.message}" if problem.message else ""
    return str(problem.status or head.status), f"{problem.kind}{message}{wait}"


def _heard(entry: Entry, reply: Reply | None) -> str:
    if not entry.chunks:
        return "" if entry.timeline.head is None else "after the headers"
    text = f" {_quoted(reply.text, _REPLY_SHOWN_MAX)}" if reply is not None and reply.text else ""
    return f"after {_chunks(entry)}{text}"


def _chunks(entry: Entry) -> str:
    return "1 chunk" if entry.chunks == 1 else f"{entry.chunks} chunks"


def _footer(history: Sequence[Entry] | History) -> str:
    entries = list(history)
    calls = len({entry.call for entry in entries})
    ends = [_ended_at(entry) for entry in entries] + [note.at for entry in entries for note in entry.notes]
    return f"{_count(calls, 'call')}, {_count(len(entries), 'attempt')}, {_time(max(ends, default=Nanos(0)))}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
