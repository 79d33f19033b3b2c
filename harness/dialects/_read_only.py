"""What a dialect that only reads says where it is asked to write."""

from __future__ import annotations

from collections.abc import Sequence

from harness.dialects._saying import no_form
from harness.model import Head, Prompt, Reply, Request, Spoken


class ReadOnly:
    """The half of a Dialect that this one has not got."""

    name = ""
    renders = False

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """Raises DialectError: this dialect only reads."""
        del prompt, base_url
        raise no_form(self.name, "a request of its own making; ask in openai-chat, anthropic, gemini or ollama")

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """Raises DialectError: this dialect only reads."""
        del reply, prompt, said
        raise no_form(self.name, "an answer of its own making; openai-chat, anthropic, gemini, ollama and native have")
