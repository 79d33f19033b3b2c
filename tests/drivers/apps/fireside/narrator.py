"""The narrator: words go to a typewriter as they come, sentences are committed one by one, and the block with the tool
call is never typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fireside.llm import GenerationCancelled, LLMBackend, LLMConnectionError, LLMMessage

RULES = "You are the narrator of a story. Answer in two or three short sentences."
_SENTENCE = re.compile(r".*?[.!?][\"”’)]*(?=\s)\s*", re.DOTALL)
_FENCE = "~~~"


@dataclass
class Turn:
    """What came of one turn. `committed` is what the story keeps."""

    committed: list[str] = field(default_factory=list)
    tool_call: Any = None
    ended: str = "told"


class Narrator:
    def __init__(self, backend: LLMBackend, typewriter: Callable[[str], None], status: Callable[[str], None]) -> None:
        self.backend, self.typewriter = backend, typewriter
        self.messages: list[LLMMessage] = [{"role": "system", "content": RULES}]
        backend.on_status = status

    def turn(self, said: str) -> Turn:
        """One turn of the story. What was committed before a cancel or a lost connection stays."""
        self.messages.append({"role": "user", "content": said})
        turn, raw = Turn(), ""
        typed = _Typed(self.typewriter)
        try:
            for token in self.backend.stream_tokens(self.messages, temperature=0.0, max_tokens=90):
                raw += token
                turn.committed += typed.more(raw)
            turn.committed += typed.rest(raw)
            _, turn.tool_call = self.backend.parse_tool_call(raw)
            turn.ended = "cut short" if self.backend.last_finish_reason == "length" else "told"
        except GenerationCancelled:
            turn.ended = "cancelled"
        except LLMConnectionError:
            turn.ended = "lost"
        self.messages.append({"role": "assistant", "content": "".join(turn.committed).strip()})
        return turn


class _Typed:
    """How far a text has been typed and committed. What may yet become a fence waits."""

    def __init__(self, typewriter: Callable[[str], None]) -> None:
        self.typewriter = typewriter
        self.typed = self.kept = 0

    def more(self, raw: str) -> list[str]:
        shown = raw.partition(_FENCE)[0]
        self._type(shown if _FENCE in raw else shown.rstrip("~"))
        sentences = []
        while found := _SENTENCE.match(shown, self.kept):
            sentences.append(found[0])
            self.kept = found.end()
        return sentences

    def rest(self, raw: str) -> list[str]:
        shown = raw.partition(_FENCE)[0]
        self._type(shown)
        rest, self.kept = shown[self.kept :], len(shown)
        return [rest] if rest.strip() else []

    def _type(self, shown: str) -> None:
        if len(shown) > self.typed:
            self.typewriter(shown[self.typed :])
            self.typed = len(shown)
