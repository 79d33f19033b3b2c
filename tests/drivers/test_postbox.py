"""postbox, an application with a prompt contract of its own: live, recorded, replayed, and in every trouble."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from postbox import llm as contract
from postbox.breaker import CircuitBreaker
from postbox.generator import DeliveryFailed, EmailGenerator
from postbox.local import LocalModel
from postbox.parse import Email

import harness

ROOT = Path(__file__).parents[2]
CASSETTE = ROOT / "cassettes" / "email.yaml"
SCENARIO = ROOT / "scenarios" / "email.yaml"
MODEL = "smollm2-135m-instruct"
REQUESTS = [("Ada", "the meeting on Monday"), ("Grace", "a lost umbrella"), ("Alan", "a broken coffee machine")]


def accepted(recipient: str, email: Email) -> None:
    """A mail server that takes everything."""


def refused(recipient: str, email: Email) -> None:
    raise DeliveryFailed(f"mailbox of {recipient} is full")  # noqa: EM102 - as an application writes it


def outcomes(backend: Any, requests: Sequence[tuple[str, str]] = REQUESTS, deliver: Any = accepted) -> str:
    """What the application made of `requests`, as its user sees it."""
    generator = EmailGenerator(backend, deliver)
    return "\n\n".join(str(asyncio.run(generator.send(*request))) for request in requests)


def replayed(requests: Sequence[tuple[str, str]] = REQUESTS, path: Path = CASSETTE, **options: Any) -> str:
    deliver = options.pop("deliver", accepted)
    with harness.replay(path, unplayed="ignore") as session:
        return outcomes(session.backend(contract=contract, model=MODEL, **options), requests, deliver)


def test_three_emails_of_the_recorded_model(transcript_snapshot: Any) -> None:
    assert replayed() == transcript_snapshot


def test_the_order_of_the_requests_is_the_application_s_own() -> None:
    assert replayed(REQUESTS[::-1]).split("\n\ndeliver")[0] == replayed(REQUESTS[2:])


@pytest.mark.live
def test_live_recorded_and_replayed_it_is_the_same(live_url: str, tmp_path: Path, transcript_snapshot: Any) -> None:
    path = tmp_path / "email.yaml"
    live = outcomes(LocalModel(live_url, MODEL))
    with harness.RecordingBackend(LocalModel(live_url, MODEL), path) as recording:
        assert isinstance(recording, contract.LLMBackend)
        recorded = outcomes(recording)
    assert live == recorded == replayed(path=path) == replayed()


def test_a_model_that_is_late_by_a_second_is_a_timeout_with_its_stage() -> None:
    assert replayed(REQUESTS[:1], timeout=1.0) == "generate: timed out (after 1 s)"


def test_a_mail_server_that_refuses_is_told_apart_from_a_model_that_fails() -> None:
    assert replayed(REQUESTS[1:2], deliver=refused).startswith("deliver: not delivered (mailbox of Grace is full)")


@pytest.mark.parametrize(
    "case", [None, "fenced", "no-subject", "chatter", "blank", "non-zero-exit", "timeout"], ids=str
)
def test_every_way_in_which_an_email_comes_to_nothing(case: str | None, transcript_snapshot: Any) -> None:
    with harness.scenario(SCENARIO, case) as session:
        backend = session.backend(contract=contract, timeout=30.0)
        said = outcomes(backend, REQUESTS[:1])
    assert f"{said}\n\n{session.transcript()}" == transcript_snapshot


def test_after_three_failures_nobody_is_asked_until_it_has_cooled_down() -> None:
    with harness.scenario(SCENARIO, "non-zero-exit") as session:
        breaker = CircuitBreaker(threshold=3, cool_down=60.0)
        generator = EmailGenerator(session.backend(contract=contract), accepted, breaker)

        async def one() -> str:
            return str((await generator.send("Ada", "Monday")).status)

        statuses = [asyncio.run(one()) for _ in range(5)]
        assert statuses == ["nothing usable"] * 3 + ["not asked"] * 2
        assert (breaker.state, len(session.history)) == ("open", 3)
        time.sleep(59)
        assert asyncio.run(one()) == "not asked"
        time.sleep(1)
        assert breaker.state == "half-open"
        assert asyncio.run(one()) == "nothing usable", "one is asked, to see whether it is well again"
        assert (breaker.state, len(session.history)) == ("open", 4)


def test_a_model_that_is_well_again_closes_the_circuit() -> None:
    with harness.scenario(SCENARIO) as session:
        breaker = CircuitBreaker(threshold=1, cool_down=60.0)
        generator = EmailGenerator(session.backend(contract=contract), accepted, breaker)
        breaker.failed()
        assert breaker.state == "open"
        time.sleep(60)
        assert asyncio.run(generator.send("Ada", "Monday")).status == "sent"
        assert breaker.state == "closed"
