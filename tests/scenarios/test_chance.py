"""Timing and dice: when an answer comes, the same in every run."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness.model import as_seconds, seconds
from tests.scenarios.playing import HEAD, asked, only, played, source

ASK = [{"role": "user", "content": "hi"}]


def body(timing: str, rest: str = "") -> str:
    return f"calls:\n  - {{id: a, timing: {timing}, reply: {{text: one two three}}}}\n{rest}"


def test_connecting_the_first_token_each_token_and_the_end_take_their_times() -> None:
    here = source(body("{connect: 1s, ttft: 2s, per_token: 100ms, tail: 5s}"))
    timeline = played(here.find(asked(dialect="openai-chat", stream=True)))
    assert timeline.connected_at == seconds(1)
    assert timeline.events[0][0] == seconds(3)
    assert timeline.end_at == seconds(3 + 0.3 + 5)
    assert played(here.find(asked("x", dialect="openai-chat"))).events[1][0] == seconds(3.3)


def test_a_connection_that_takes_longer_than_the_client_waits_is_its_connect_timeout(tmp_path: Path) -> None:
    import httpx

    file = tmp_path / "x.yaml"
    file.write_text(HEAD + body("{connect: 10s}"))
    with harness.scenario(file) as session, httpx.Client(timeout=httpx.Timeout(30, connect=4)) as client:
        with pytest.raises(httpx.ConnectTimeout):
            client.post("https://api.openai.com/v1/chat/completions", json={"model": "m", "messages": ASK})
        assert as_seconds(session.clock.now()) == 4


@pytest.mark.parametrize(
    "timing",
    [
        "{ttft: {lognormal: {median: 800ms, sigma: 0.4}}}",
        "{per_token: {uniform: [10ms, 2s]}}",
        "{ttft: 1s, per_token: 100ms, jitter: 0.5}",
    ],
)
def test_the_dice_of_a_seed_fall_the_same_in_every_run_and_differ_from_call_to_call(timing: str) -> None:
    def times(seed: int) -> list[float]:
        here = source(body(timing, f"clock: {{seed: {seed}}}\n"))
        answers = [here.find(asked(text, dialect="openai-chat", stream=True)) for text in ("x", "y", "z")]
        return [as_seconds(played(answer).end_at) for answer in answers]

    assert times(7) == times(7)
    assert times(7) != times(8)
    assert len(set(times(7))) == 3


def test_a_spread_stays_within_its_bounds_and_jitter_within_its_part() -> None:
    here = source(body("{per_token: {uniform: [1s, 2s]}}", "clock: {seed: 1}\n"))
    for number in range(20):
        assert seconds(3) <= played(here.find(asked(str(number), stream=True))).end_at <= seconds(6)
    here = source(body("{per_token: 1s, jitter: 0.1}", "clock: {seed: 1}\n"))
    for number in range(20):
        assert seconds(2.7) <= played(here.find(asked(str(number), stream=True))).end_at <= seconds(3.3)


def test_half_of_a_lognormal_spread_is_below_its_median() -> None:
    here = source(body("{ttft: {lognormal: {median: 1s, sigma: 0.5}}}", "clock: {seed: 3}\n"))
    below = sum(played(here.find(asked(str(number)))).end_at < seconds(1) for number in range(400))
    assert 160 <= below <= 240


def test_a_fault_strikes_as_often_as_its_probability_says_and_the_same_in_every_run() -> None:
    fault = "faults: [{at: call=*, kind: http-503-overloaded, probability: 0.25}]\nclock: {seed: 11}\n"

    def struck() -> list[bool]:
        here = source(f"calls:\n  - {{id: a, reply: {{text: x}}}}\n{fault}")
        found = [played(here.find(asked(str(number), dialect="openai-chat"))).head for number in range(200)]
        return [head is not None and head.status == 503 for head in found]

    first = struck()
    assert first == struck()
    assert 30 <= sum(first) <= 70


def test_a_fault_of_a_reply_has_a_probability_too() -> None:
    here = source("""clock: {seed: 4}
calls:
  - {id: a, reply: {text: x, fault: {kind: http-503-overloaded, probability: 0.5}}}
""")
    heads = [played(here.find(asked(str(number), dialect="openai-chat"))).head for number in range(60)]
    assert {head.status for head in heads if head is not None} == {200, 503}


def test_a_fault_that_the_dice_spared_is_told_with_the_dice() -> None:
    fault = "faults: [{at: call=1, kind: http-503-overloaded, probability: 0.000001}]\nclock: {seed: 1}\n"
    here = source(f"calls:\n  - {{id: a, reply: {{text: x}}}}\n{fault}")
    played(here.find(asked()))
    assert here.unstruck() == [
        "the fault http-503-overloaded at call=1 never struck: the dice of clock.seed spared 1 answer"
    ]


def test_the_time_that_a_fault_takes_is_drawn_for_each_attempt() -> None:
    fault = "faults: [{at: call=*, kind: latency, add: {uniform: [1s, 9s]}}]\nclock: {seed: 1}\n"
    here = source(f"calls:\n  - {{id: a, reply: {{text: x}}}}\n{fault}")
    times = [played(here.find(asked(str(number), dialect="openai-chat"))).end_at for number in range(5)]
    assert len(set(times)) == 5
    assert all(seconds(1) <= at <= seconds(9) for at in times)


@pytest.mark.parametrize(
    "text,place",
    [
        (body("{ttft: {uniform: [1s, 2s]}}"), "4:22: "),
        (body("{per_token: 1s, jitter: 0.2}"), "4:37: "),
        (body("{}", "faults: [{at: call=1, kind: reset, probability: 0.5}]\n"), "5:36: "),
        (body("{}", "faults: [{at: call=1, kind: latency, add: {uniform: [1s, 2s]}}]\n"), "5:38: "),
    ],
)
def test_what_is_left_to_chance_needs_a_seed(text: str, place: str) -> None:
    found = only(text)
    assert found.startswith(place)
    assert "say clock: {seed: 1}" in found


@pytest.mark.parametrize(
    "timing,mistake",
    [
        ("{ttft: {uniform: [2s, 1s]}}", "the first is the shorter one"),
        ("{ttft: {uniform: [2s]}}", "{uniform: [100ms, 2s]}"),
        ("{ttft: {lognormal: {median: 1s}}}", "{lognormal: {median: 800ms, sigma: 0.4}}"),
        ("{ttft: {lognormal: {median: 1s, sigma: -1}}}", "sigma is a number from 0 to 10"),
        ("{ttft: {uniform: [1s, forever]}}", "forever is no time that dice can decide"),
        ("{ttft: {normal: [1s, 2s]}}", "a duration such as 400ms"),
        ("{jitter: 2}", "numbers up to 1"),
        ("{jitter: 0.5, per_token: none}", "jitter of no time at all"),
        ("{ttft: forever, per_token: 1s}", "ttft is forever, so that this never comes"),
        ("{ttft: 20m}", "later than the horizon of the clock"),
    ],
)
def test_a_timing_that_contradicts_itself_is_a_mistake(timing: str, mistake: str) -> None:
    assert mistake in only(body(timing, "clock: {seed: 1, horizon: 10m}\n"))


def test_the_seed_is_told_and_the_clock_begins_on_its_date(tmp_path: Path) -> None:
    import time

    file = tmp_path / "x.yaml"
    file.write_text(HEAD + body("{}", "clock: {start: 2030-01-02T03:04:05Z, seed: 9}\n"))
    with harness.scenario(file) as session:
        assert time.gmtime(time.time())[:6] == (2030, 1, 2, 3, 4, 5)
        session.backend().complete(ASK)
        assert "seed 9" in session.transcript()


def test_a_wait_past_the_horizon_ends_the_run(tmp_path: Path) -> None:
    import time

    from harness.errors import HorizonExceededError

    file = tmp_path / "x.yaml"
    file.write_text(HEAD + body("{}", "clock: {horizon: 10m}\n"))
    with harness.scenario(file) as session:
        session.backend().complete(ASK)
        with pytest.raises(HorizonExceededError):
            time.sleep(601)


@pytest.mark.parametrize(
    "clock,mistake",
    [
        ("{start: 2026-01-01}", "with its zone"),
        ("{seed: x}", "a whole number"),
        ("{horzon: 1m}", "Did you mean 'horizon'?"),
    ],
)
def test_a_clock_that_is_none_is_a_mistake(clock: str, mistake: str) -> None:
    assert mistake in only(body("{}", f"clock: {clock}\n"))
