"""Command-line clients of models: a child process that is one goes to the network where no patch of ours reaches."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_CLIENTS: Final = frozenset(
    {"aichat", "chatgpt", "claude", "codex", "gemini", "llama-cli", "llama-run", "llm", "mods", "ollama", "sgpt"}
)
_SHELLS: Final = frozenset({"bash", "dash", "sh", "zsh"})
_HARMLESS: Final = frozenset({"--help", "-h", "help", "--version", "-v", "version"})
_SEPARATORS: Final = frozenset({"|", "||", "&", "&&", ";", "("})


def model_client(args: Any, *, shell: bool = False) -> str:
    """The command of a model's client that `args` (as subprocess takes them) would start, or empty."""
    words = _words(args)
    if shell:
        return model_client_in_script(" ".join(words) if len(words) == 1 else words[0] if words else "")
    if len(words) > 2 and _program(words[0]) in _SHELLS and words[1].startswith("-") and words[1].endswith("c"):
        return model_client_in_script(words[2])
    return _client(words)


def _words(args: Any) -> list[str]:
    if isinstance(args, str | bytes | os.PathLike):
        return [os.fsdecode(args)]
    return [os.fsdecode(arg) for arg in args]


def model_client_in_script(script: str) -> str:
    """The same for a line of a shell."""
    lexer = shlex.shlex(script, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError:  # an open quote: the shell will say so itself
        return ""
    return next((found for command in _commands(tokens) if (found := _client(command))), "")


def _commands(tokens: Sequence[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for token in tokens:
        if token in _SEPARATORS:
            commands.append([])
        elif commands[-1] or "=" not in token:  # an assignment before the command is not the command
            commands[-1].append(token)
    return commands


def _client(words: Sequence[str]) -> str:
    if not words or _program(words[0]) not in _CLIENTS:
        return ""
    return "" if len(words) > 1 and words[1] in _HARMLESS else " ".join([_program(words[0]), *words[1:2]])


def _program(word: str) -> str:
    return Path(word).name.lower().removesuffix(".exe")
