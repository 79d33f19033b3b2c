"""The strategies give what they promise, and the machine finds, shrinks and writes down what breaks a driver."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

import harness
from harness import dialects
from harness.errors import PromiseBrokenError
from harness.faults import KNOWN, FaultOverlay
from harness.model import Case, Cassette, Interaction, Left, Prompt, Request, Timeline
from harness.scenarios import load_scenario, parse_scenario
from harness.storage import dump, parse
from harness.testing import fault_machine
from harness.testing import strategies as ours

URLS = {
    "openai-chat": "https://x.example/v1/chat/completions",
    "anthropic": "https://x.example/v1/messages",
    "gemini": "https://x.example/v1beta/models/m:generateContent",
    "native": "native://backend/complete",
}
SCENARIO = """\
harness: 1
name: story
calls:
  - id: story
    when: {user: {contains: story}}
    reply: {text: "Once upon a time there was a test.", timing: {per_token: 10ms}}
"""


@pytest.mark.parametrize("name", URLS)
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_a_reply_can_be_said_in_its_dialect_and_is_read_as_it_was_said(name: str, data: st.DataObject) -> None:
    reply = data.draw(ours.replies(name))
    head, chunks = dialects.get(name).render(reply, Prompt(model="m", stream=False), ())
    found = dialects.decode(Request("POST", URLS[name], body=b"{}"), Timeline.of(head, chunks))
    assert found is not None
    assert (found.text, found.finish) == (reply.text, reply.finish)


@given(ours.texts.flatmap(lambda text: st.tuples(st.just(text), ours.pieces(text))))
def test_pieces_are_not_empty_and_join_to_the_text(drawn: tuple[str, list[str]]) -> None:
    text, pieces = drawn
    assert "".join(pieces) == text
    assert all(pieces)


@given(st.binary(max_size=40).flatmap(lambda body: st.tuples(st.just(body), ours.chunkings(body))))
def test_chunks_are_not_empty_and_join_to_the_body(drawn: tuple[bytes, list[bytes]]) -> None:
    body, chunks = drawn
    assert b"".join(chunks) == body
    assert all(chunks)


@pytest.mark.parametrize(
    "end, answered", [("eof", True), *((end, True) for end in get_args(Left)), ("error", True), ("error", False)]
)
def test_a_timeline_ends_in_any_of_the_ways_there_are(end: str, answered: bool) -> None:
    """NoSuchExample where none is drawn; the one that is found can be recorded."""
    thorough = settings(max_examples=1_000, derandomize=True, database=None)
    found = find(ours.timelines(), lambda one: (one.end, one.head is not None) == (end, answered), settings=thorough)
    whole = Cassette((Interaction(Request("POST", "https://x.example/"), found),), "x")
    assert parse(dump(whole), "x").interactions[0].timeline == found


@given(ours.cases(calls=2, chunks=3))
@settings(deadline=None)
def test_a_case_is_read_as_it_prints_and_can_be_armed(case: Case) -> None:
    assert Case.parse(str(case)) == case
    assert FaultOverlay.of([case]).armed
    assert all(strike.kind in KNOWN for strike in case.strikes)


@given(ours.scenarios())
@settings(max_examples=40, deadline=None)
def test_a_scenario_loads(data: dict[str, object]) -> None:
    loaded = parse_scenario(yaml.safe_dump(data, allow_unicode=True))
    assert [call.id for call in loaded.calls]


class DriverError(Exception):
    """What the careful driver raises."""


async def trusting(session: harness.Session) -> str:
    """Takes whatever came for the whole story."""
    backend = session.backend(timeout=30, retries=0)
    try:
        return str((await backend.acomplete([{"role": "user", "content": "a story"}])).narrative_text)
    except (harness.LLMConnectionError, harness.LLMParseError) as error:
        raise DriverError from error


async def careful(session: harness.Session) -> str:
    """Says so where the model did not come to an end."""
    backend = session.backend(timeout=30, retries=0)
    try:
        response = await backend.acomplete([{"role": "user", "content": "a story"}])
    except (harness.LLMConnectionError, harness.LLMParseError) as error:
        raise DriverError from error
    if response.finish_reason != "stop" or not response.narrative_text.endswith("."):
        raise DriverError(response.finish_reason)
    return response.narrative_text


KINDS = "latency slow-gap truncate-clean finish-length"
QUICK = settings(max_examples=12, stateful_step_count=2, deadline=None, database=None, derandomize=True,
                 suppress_health_check=list(HealthCheck))  # fmt: skip


def test_the_machine_finds_the_fault_and_writes_the_smallest_scenario(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(SCENARIO, "utf-8")
    found = tmp_path / "found.yaml"
    machine = fault_machine(trusting, path, contract=[DriverError], kinds=KINDS, written_to=found)
    with pytest.raises(PromiseBrokenError, match="no-partial-success"):
        run_state_machine_as_test(machine, settings=QUICK)
    (case,) = load_scenario(found, "found").cases
    assert [fault.kind in {"truncate-clean", "finish-length"} for fault in case.faults] == [True]
    with harness.scenario(found, "found") as session:
        assert asyncio.run(trusting(session)) != "Once upon a time there was a test."


def test_a_careful_driver_survives_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(SCENARIO, "utf-8")
    machine = fault_machine(careful, path, contract=[DriverError], kinds=KINDS)
    run_state_machine_as_test(machine, settings=QUICK)
    assert not path.with_name("story.yaml.found.yaml").exists()
