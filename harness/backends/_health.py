"""Health answers on a cassette: each is a call of its own in the native dialect, and none that a run has to make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from harness.dialects import native_line, native_request
from harness.model import Cassette, Prompt, Unknown

HEALTH: Final = native_request("is_available", Prompt())
_YES: Final = native_line(Unknown("available", "true")).strip()


def health_line(answer: object) -> Unknown:
    """What a cassette says of `answer`."""
    return Unknown("available", "true" if answer else "false")


def health_apart(cassette: Cassette) -> tuple[Cassette, tuple[bool, ...]]:
    """`cassette` without the health answers that a RecordingBackend wrote, and those answers in their order."""
    asked = [it for it in cassette if it.request.url == HEALTH.url]
    if not asked:
        return cassette, ()
    rest = tuple(it for it in cassette if it.request.url != HEALTH.url)
    return replace(cassette, interactions=rest), tuple(it.timeline.body.strip() == _YES for it in asked)


class Health:
    """Health answers in the order in which they were given; the last one stays. What was not recorded is True: a
    question after health is no reason to fail a test."""

    def __init__(self, answers: Iterable[bool]) -> None:
        self._answers = list(answers)

    def __bool__(self) -> bool:
        """True where there is an answer at all."""
        return bool(self._answers)

    def __call__(self) -> bool:
        if len(self._answers) > 1:
            return self._answers.pop(0)
        return self._answers[0] if self._answers else True
