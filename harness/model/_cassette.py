"""Interaction and Cassette: values, with no play counts, no mode and no file handle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from harness.model._meaning import Prompt, Reply
from harness.model._timeline import Timeline
from harness.model._wire import Request


@dataclass(frozen=True, slots=True)
class Meaning:
    """How to read an interaction: put there by whoever knows the dialects, so that this room need not."""

    prompt: Callable[[Request], Prompt | None]
    reply: Callable[[Request, Timeline], Reply | None]


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and everything that was heard of its answer. `id` is where it came from, such as `#3` or `plan`."""

    request: Request
    timeline: Timeline
    id: str = field(default="", compare=False)
    meaning: Meaning | None = field(default=None, compare=False, repr=False)

    @property
    def prompt(self) -> Prompt | None:
        """What was asked, decoded; None where no dialect recognises the request."""
        return self.meaning.prompt(self.request) if self.meaning else None

    @property
    def reply(self) -> Reply | None:
        """What was answered, decoded; None where no dialect recognises it."""
        return self.meaning.reply(self.request, self.timeline) if self.meaning else None


@dataclass(frozen=True, slots=True)
class Cassette:
    """The interactions of one recording in the order in which their requests were sent.

    `name` is for messages. `notes` are things the reader should be told, such as a timeline that no longer adds up.
    """

    interactions: tuple[Interaction, ...] = ()
    name: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __iter__(self) -> Iterator[Interaction]:
        return iter(self.interactions)

    def __len__(self) -> int:
        return len(self.interactions)
