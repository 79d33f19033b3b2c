"""The two applications of `tests/drivers/`, each on a backend in its own types and on its own cassette."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any, Final

import harness
from harness.contract import LLMConnectionError, LLMParseError
from tests.findings.swept import Swept, arun, run

ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "drivers" / "apps"))

from fireside import llm as chat  # noqa: E402 - the line above is what makes it importable
from fireside.narrator import Narrator  # noqa: E402
from postbox import llm as prompt  # noqa: E402
from postbox.generator import EmailGenerator  # noqa: E402

MODEL: Final = "smollm2-135m-instruct"


class Postbox:
    """postbox: three e-mails, each asked for and delivered. What is not `sent` admits that it failed."""

    def __init__(self, session: harness.Session) -> None:
        self.generator = EmailGenerator(session.backend(contract=prompt, model=MODEL), lambda recipient, email: None)

    async def run(self) -> list[str]:
        asked = [("Ada", "the meeting on Monday"), ("Grace", "a lost umbrella"), ("Alan", "a broken coffee machine")]
        return [str(await self.generator.send(*one)) for one in asked]


def sent_alike(one: Any, other: Any) -> bool:
    """True where each e-mail is the one of the run without faults, or admits that it is none."""
    return len(one) == len(other) and all(
        mine == theirs or not mine.startswith("deliver: sent") for mine, theirs in zip(one, other, strict=True)
    )


class Fireside:
    """fireside: one turn of a story, typed as it comes. What is not `told` admits that something was missing."""

    def __init__(self, session: harness.Session) -> None:
        self.session = session
        self.backend: Any = session.backend(contract=chat, model=MODEL)
        self.backend.cancel_event = threading.Event()
        self.typed: list[str] = []

    def run(self) -> tuple[str, str]:
        self.backend.cancel_event.clear()
        narrator = Narrator(self.backend, self.typed.append, lambda status: None)
        turn = narrator.turn("A clockmaker finds a key in the snow.")
        return turn.ended, "".join(turn.committed)


def told_alike(one: Any, other: Any) -> bool:
    """True where the turn is the one without faults, or admits that it is not."""
    return bool(one == other) or one[0] in {"lost", "cut short", "cancelled"}


CONTRACTS: Final = {
    "postbox": Swept(
        packages=(),
        setup=Postbox,
        run=arun,
        source=ROOT / "cassettes" / "email.yaml",
        contract=lambda: (prompt.LLMTimeout, LLMConnectionError, LLMParseError),
        keywords={"compare": sent_alike},
        notes=(
            "A hard failure raises, says postbox's contract, and not what; the backend that it is given raises ours.",
            "Its contract knows no reason for finishing, so that a text cut by the limit is an e-mail like any other.",
        ),
    ),
    "fireside": Swept(
        packages=(),
        setup=Fireside,
        run=run,
        source=ROOT / "cassettes" / "narrator.yaml",
        contract=lambda: (chat.LLMConnectionError,),
        keywords={"compare": told_alike},
        notes=(
            "The narrator looks at `last_finish_reason` for `length` only: what ended as `error` is told as it is.",
            "Its contract has no exception for an answer that cannot be read, so that the backend's own comes out.",
        ),
    ),
}
