"""What cannot be swept is refused before any case is run, and the message says which."""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx2
import pytest

import harness
from harness.engine import CassetteSource
from harness.errors import (
    CassetteNotFoundError,
    NoSitesError,
    NotDeterministicError,
    SubjectFailsError,
    SweepError,
    UnknownCheckerError,
    UnknownKindError,
)
from tests.sweeps import agents

ran: list[object] = []


def ask(session: harness.Session) -> str:
    """A sync subject: the first call of the recording, whole."""
    with httpx2.Client(verify=False) as client:
        answer = client.post(agents.URL, content=agents.RECORDING.interactions[0].request.body)
    ran.append(answer)
    return answer.text


def fails(session: harness.Session) -> str:
    ask(session)
    message = "it never worked"
    raise KeyError(message)


def asks_something_else(session: harness.Session) -> str:
    with httpx2.Client(verify=False) as client:
        return client.post(agents.URL, json={"messages": [], "model": "other"}).text


def changes(session: harness.Session) -> str:
    return ask(session) + uuid.uuid4().hex


def waits_by_chance(session: harness.Session) -> str:
    time.sleep(uuid.uuid4().int / 2**128)
    return ask(session)


def asks_nothing(session: harness.Session) -> str:
    return "nothing"


@pytest.mark.parametrize(
    "run, error, message",
    [
        (fails, SubjectFailsError, "fails without any fault: KeyError: 'it never worked'"),
        (asks_something_else, SubjectFailsError, "asks what the recording does not hold"),
        (changes, NotDeterministicError, "two runs without any fault differ"),
        (waits_by_chance, NotDeterministicError, "two runs without any fault differ"),
        (asks_nothing, NoSitesError, "asked nothing of this source"),
    ],
)
def test_a_subject_that_cannot_be_judged_is_refused(run: Any, error: type[SweepError], message: str) -> None:
    with pytest.raises(error, match=message):
        harness.sweep(run, agents.RECORDING)


def test_the_first_difference_is_shown() -> None:
    with pytest.raises(NotDeterministicError) as raised:
        harness.sweep(changes, agents.RECORDING)
    assert "first run" in str(raised.value)
    assert "returned" in str(raised.value)


def test_a_first_run_that_differs_from_the_next_two_is_told_with_its_difference() -> None:
    warm: list[None] = []

    def warms_up(session: harness.Session) -> str:
        if not warm:
            warm.append(None)
            time.sleep(2)
        return ask(session)

    report = harness.sweep(warms_up, agents.RECORDING, kinds="reset-before-headers", contract=[httpx2.HTTPError])
    [note] = [one for one in report.notes if "first run" in one]
    assert note == (
        "without any fault the first run was not the same as the next two, which count: "
        "-2.000000000 call 1.1 POST https://api.openai.com/v1/chat/completions body 116 b; "
        "+0.000000000 call 1.1 POST https://api.openai.com/v1/chat/completions body 116 b"
    )
    calm = harness.sweep(ask, agents.RECORDING, kinds="reset-before-headers", contract=[httpx2.HTTPError])
    assert not [one for one in calm.notes if "first run" in one]


@pytest.mark.parametrize(
    "keywords, error, message",
    [
        ({"kinds": "resett-mid-stream"}, UnknownKindError, "Did you mean 'reset-mid-stream'"),
        ({"kinds": "cancel -cancel"}, UnknownKindError, "leaves no fault at all"),
        ({"kinds": "tool-unknown-name"}, None, ""),
        ({"kinds": "benign-split-mid-utf8"}, NoSitesError, "none of benign-split-mid-utf8 can strike"),
        ({"invariants": "no-hangs"}, UnknownCheckerError, "no checker is called 'no-hangs'. Did you mean 'no-hang'"),
        ({"checkers": ["nothing"]}, UnknownCheckerError, "cannot be called"),
        ({"tier": "all"}, SweepError, "say smart, full, or sample:200"),
        ({"tier": "sample:0"}, SweepError, "say smart, full, or sample:200"),
        ({"modes": ["twice"]}, SweepError, "the modes are once, persistent"),
        ({"depth": 3}, SweepError, "one fault at a time"),
        ({"contract": ["ValueError"]}, SweepError, "contract holds 'ValueError', which is no exception class"),
        ({"contract": "ValueError"}, SweepError, "contract holds 'ValueError', which is no exception class"),
        ({"attempts_max": 0}, SweepError, "attempts_max=0: say how many requests"),
        ({"idempotent": "no"}, SweepError, "idempotent='no': say True or False"),
        ({"budget": 0}, SweepError, "budget=0: say how many points"),
        ({"budget": "3"}, SweepError, "budget='3': say how many points"),
        ({"seed": "x"}, SweepError, "seed='x': say a whole number"),
        ({"schedules": "all"}, SweepError, "schedules='all': say True or False"),
        ({"cancel": "stop"}, SweepError, "cancel='stop': say a function"),
        ({"invariants": ""}, UnknownCheckerError, "asks no promise at all, and every case would pass"),
        ({"known": [{"name": "call=1/kind=cancel", "why": "x"}]}, SweepError, "say its name and its reason"),
        ({"known": {"call=0": "x"}}, SweepError, "known failure 'call=0'"),
        ({"known": {"call=1/kind=nonsense": "x"}}, SweepError, "known failure 'call=1/kind=nonsense'"),
        ({"known": {"call=1/kind=cancel": ""}}, SweepError, "gives no reason"),
        ({"cases": ["call=1/chunk=1/kind=nonsense"]}, SweepError, "cannot be run"),
        ({"cases": ["somewhere"]}, SweepError, "is no case"),
    ],
)
def test_what_is_not_known_is_refused_before_anything_runs(
    keywords: dict[str, Any], error: type[SweepError] | None, message: str
) -> None:
    ran.clear()
    if error is None:
        harness.sweep(ask, agents.RECORDING, **keywords)
        return
    with pytest.raises(error, match=message):
        harness.sweep(ask, agents.RECORDING, **keywords)
    if error is not NoSitesError:
        assert ran == []


def test_a_source_that_is_used_up_by_one_run_is_refused() -> None:
    with pytest.raises(SweepError, match="a second run would find it used up"):
        harness.sweep(ask, CassetteSource(agents.RECORDING))


def test_a_cassette_that_is_not_there_is_refused() -> None:
    with pytest.raises(CassetteNotFoundError):
        harness.sweep(ask, "no/such/cassette.yaml")


def test_a_sync_subject_is_swept_and_what_cannot_be_cancelled_is_said() -> None:
    report = harness.sweep(ask, agents.RECORDING, kinds="connect-refused cancel", invariants="-contract-exceptions")
    assert [case.cell for case in report.cases] == ["e", "e"]
    assert "cancel is not swept: nothing of this sync subject can be cancelled" in report.text()


def test_a_sync_subject_is_cancelled_by_what_one_passes() -> None:
    pressed: list[object] = []
    report = harness.sweep(ask, agents.RECORDING, kinds="cancel", cancel=pressed.append, invariants="no-hang")
    assert len(pressed) == len(report.cases) > 0


def test_one_exception_and_one_checker_need_no_list() -> None:
    def nothing_was_lost(outcome: object, baseline: object) -> str | None:
        return "something was"

    report = harness.sweep(
        ask,
        agents.RECORDING,
        kinds="connect-refused",
        modes=["once"],
        contract=httpx2.HTTPError,  # type: ignore[arg-type] # a list is asked for, and this is what is meant
        checkers=nothing_was_lost,  # type: ignore[arg-type] # as above
    )
    assert {violation.checker for case in report.cases for violation in case.violations} == {"nothing-was-lost"}


def test_a_line_to_paste_has_the_dice_of_the_sweep() -> None:
    told = {}
    for seed in (0, 7):
        report = harness.sweep(ask, agents.RECORDING, kinds="connect-refused", modes=["once"], seed=seed)
        told[seed] = report.cases[0].repro
    assert told[0] == "harness.sweep(run, source, cases=['call=1/connect/kind=connect-refused'])"
    assert told[7] == "harness.sweep(run, source, cases=['call=1/connect/kind=connect-refused'], seed=7)"
