"""Two applications that know nothing of this project, from the package index, each behind its own front door.

`decnet` plants e-mails and files written by a model, through the prompt contract. `axiomai-engine` is a narrative game
whose engine streams, counts down and can be cancelled, through the chat contract. Nothing of them is changed; they get
the backend of a session, and stand-ins for what is no model: a mail server, and a memory that wants another download.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import axiom.backends.base as chat_contract
import decnet.realism.llm as prompt_contract
from axiom import Session
from axiom.backends.base import GenerationCancelled, LLMConnectionError
from axiom.db_helpers import create_new_save, create_player_entity, provision_blank_universe
from axiom.populate import populate_entities
from axiom.schema import create_universe_db, get_connection
from decnet.orchestrator.drivers.email import EmailDriver
from decnet.orchestrator.emailgen.scheduler import EmailAction
from decnet.realism.bodies import make_body_with_llm
from decnet.realism.llm.circuit import LLMCircuitBreaker
from decnet.realism.personas import EmailPersona
from decnet.realism.taxonomy import ContentClass

from harness.trials import Context

ADA = EmailPersona(name="Ada Byron", email="ada@example.com", role="analyst")
GRACE = EmailPersona(name="Grace Hopper", email="grace@example.com", role="admiral")
ACTION = EmailAction(
    mail_decky_uuid="1",
    mail_decky_name="mail",
    mail_decky_services=("imap",),
    sender=ADA,
    recipient=GRACE,
    thread_id="t1",
    parent_message_id=None,
    references="",
    subject_hint=None,
    parent_excerpt=None,
    context_hint="the meeting on Monday",
    is_reply=False,
)


def _mail_server(folder: Path) -> None:
    """A `docker` that takes every mail: the application hands its mails to one, and it is no part of the model."""
    docker = folder / "docker"
    docker.write_text("#!/bin/sh\ncat >/dev/null\n", "utf-8")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


async def email(ctx: Context) -> str:
    """One e-mail, as decnet's worker asks for it: its stage, and what else it tells."""
    before = os.environ["PATH"]
    with tempfile.TemporaryDirectory() as folder:
        _mail_server(Path(folder))
        try:
            done = await EmailDriver(llm=ctx.backend(prompt_contract, model="llama3.1", timeout=60)).run(ACTION)
        finally:
            os.environ["PATH"] = before
    told = {
        name: done.payload[name] for name in ("stage", "error", "subject", "rc", "stderr") if done.payload.get(name)
    }
    return f"{'sent' if done.success else 'failed'} {told}"


async def files(ctx: Context) -> str:
    """Five files in a row, and who wrote them: the model, or the application's templates while its circuit is open."""
    backend, breaker = ctx.backend(prompt_contract, timeout=60), LLMCircuitBreaker()
    states = []
    for _ in range(5):
        body = await make_body_with_llm(ContentClass.NOTE, ADA, llm=backend, breaker=breaker, timeout=45)
        states.append(f"{'model' if 'umbrella' in body else 'template'}/{breaker.state}")
    await asyncio.sleep(60)
    body = await make_body_with_llm(ContentClass.NOTE, ADA, llm=backend, breaker=breaker, timeout=45)
    return ", ".join([*states, f"{'model' if 'umbrella' in body else 'template'}/{breaker.state}"])


class _NoMemory:
    """Nothing is remembered from one turn to another: the real one wants an embedding model."""

    def query(self, *_: Any, **__: Any) -> list[str]:
        return []

    def embed_chunk(self, *_: Any, **__: Any) -> None:
        """Nothing to embed."""

    def sync_lore(self, *_: Any, **__: Any) -> None:
        """No lore."""


def _universe(folder: Path) -> tuple[str, str, str]:
    os.environ["AXIOM_DATA_DIR"] = str(folder)
    path = str(folder / "snow.db")
    create_universe_db(path)
    provision_blank_universe(path, "Snow")
    with get_connection(path) as connection:
        connection.execute(
            "INSERT INTO Stat_Definitions (stat_id, name, value_type) VALUES ('warmth', 'Warmth', 'numeric')"
        )
        connection.commit()
    return path, create_new_save(path, "Ada", "Normal"), create_player_entity(path, "Ada")


def turn(ctx: Context) -> str:
    """One turn of the game, told token by token: how it ended, and what the engine made of it."""
    backend = ctx.backend(chat_contract)
    with tempfile.TemporaryDirectory() as name:
        path, save, player = _universe(Path(name))
        game = Session(path, save, llm=backend, time_llm=backend, vector_memory=_NoMemory(), data_dir=name)
        result = game.take_turn("I turn the key.", player_id=player, on_token=ctx.emit)
        changes = [f"{one['stat_key']} {one.get('delta', one.get('value'))}" for one in result.applied_changes]
    return f"{result.narrative_text} {changes} {result.elapsed_minutes} minutes"


def people(ctx: Context) -> str:
    """Characters for a world with two entries of lore, a call of the model for each: who was kept, and how it ended."""
    backend = ctx.backend(chat_contract)
    said: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        path, _, _ = _universe(Path(name))
        with get_connection(path) as connection:
            for entry in ("The harbour", "The mill"):
                connection.execute(
                    "INSERT INTO Lore_Book (entry_id, category, name, content) VALUES (?, 'Place', ?, 'It is cold.')",
                    (entry, entry),
                )
            connection.commit()
        try:
            populate_entities(path, llm=backend, on_status=said.append, cancel=ctx.cancel_event)
            ended = "all"
        except GenerationCancelled:
            ended = "cancelled"
        except LLMConnectionError as error:
            ended = f"lost ({str(error).splitlines()[0]})"
        with get_connection(path) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM Entities ORDER BY name")]
    waits = sum("retry" in line for line in said)
    return f"{ended}: {', '.join(names)}; {waits} lines of countdown"
