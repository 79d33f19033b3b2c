"""A recording is made as short as still shows the failure, and what is left stands by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.model import Cassette, Prompt
from harness.sweeps import Failure, Verdict
from harness.sweeps import _shorter as shorter
from tests.sweeps import agents, planted

WORDS = 48
HELLO = agents.event({"role": "assistant", "content": ""})


def answer(words: int = WORDS) -> list[bytes]:
    said = [agents.event({"content": f"w{n} "}) for n in range(words - 1)]
    return [HELLO, *said, agents.event({}, "stop"), agents.DONE]


LONG = Cassette((agents.call([agents.ASK], answer()),))


class GoesByWhatItHeard(agents.Agent):
    """The bug: once there are two chunks it takes them for the answer, whatever happens then."""

    heard = 0

    def saw(self) -> None:
        self.heard += 1

    async def turn(self, messages: list[dict[str, Any]]) -> planted.Turn:
        self.heard = 0
        try:
            return await super().turn(messages)
        except agents.DriverError:
            if self.heard < 2:
                raise
            return self.said, [], "stop"


class AsksAboutTheAnswer(GoesByWhatItHeard):
    """Asks twice; what it asks the second time is what it heard the first time."""

    async def run(self) -> str:
        first, _, finish = await self.turn([agents.ASK])
        self.check(finish, something=bool(first))
        again, _, finish = await self.turn([agents.ASK, {"role": "assistant", "content": first}, agents.ASK])
        self.check(finish, something=bool(again))
        return again


def swept(driver: type[agents.Agent], source: Any, **keywords: Any) -> harness.SweepReport:
    told = {"kinds": "reset-mid-stream", "invariants": "no-partial-success", **keywords}
    return harness.sweep(agents.run, source, setup=driver, contract=[agents.DriverError], **told)


def only(report: harness.SweepReport) -> Failure:
    (failure,) = report.failures
    return failure


def test_a_bug_that_needs_the_first_two_of_fifty_chunks_is_shown_by_a_handful() -> None:
    failure = only(swept(GoesByWhatItHeard, LONG))
    assert failure.first.case.strikes[0].at.index == "2"
    assert failure.shorter is not None
    assert (failure.shorter.of, failure.shorter.chunks) == (50, 4)
    assert "shorter: 4 of 50 chunks show it as well" in str(failure)


def test_what_is_left_fails_by_the_line_that_is_printed_and_passes_without_the_fault(tmp_path: Path) -> None:
    found = only(swept(GoesByWhatItHeard, LONG, shrunk_to=tmp_path)).shorter
    assert found is not None
    assert found.path == str(tmp_path / "no-partial-success.reset-mid-stream.yaml")
    assert found.repro == f"harness.sweep(run, {found.path!r}, cases=['{found.case}'])"
    again = swept(GoesByWhatItHeard, found.path, cases=[found.case])
    assert only(again).checker == "no-partial-success"
    assert again.baseline.verdict is Verdict.RECOVERED
    assert len(harness.load(found.path).interactions[0].timeline.chunks) == 4
    assert swept(agents.Agent, found.path, cases=[found.case]).ok


def test_nothing_is_written_where_no_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = only(swept(GoesByWhatItHeard, LONG)).shorter
    assert found is not None
    assert (found.path, found.repro) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_no_key_is_in_what_is_written(tmp_path: Path) -> None:
    swept(GoesByWhatItHeard, LONG, shrunk_to=tmp_path)
    (written,) = tmp_path.iterdir()
    assert agents.KEY not in written.read_text()
    assert "REDACTED" in written.read_text()


def test_what_looks_like_a_secret_is_not_written_and_the_sweep_says_so(tmp_path: Path) -> None:
    odd = "gQ7xT2vB9kLmN4pR" + "8sWzY1cD5fHjA3eU6oIq"
    asked = {"role": "user", "content": f"What is {odd} for?"}

    async def run(_: harness.Session, agent: agents.Agent) -> str:
        return (await agent.turn([asked]))[0]

    report = harness.sweep(
        run,
        Cassette((agents.call([asked], answer()),)),
        setup=GoesByWhatItHeard,
        contract=[agents.DriverError],
        kinds="reset-mid-stream",
        invariants="no-partial-success",
        shrunk_to=tmp_path,
    )
    assert list(tmp_path.iterdir()) == []
    assert only(report).shorter is not None
    assert any("nothing was written" in note for note in report.notes)


def test_an_answer_that_a_later_request_repeats_is_shortened_too() -> None:
    first = answer(20)
    said = "".join(f"w{n} " for n in range(19))
    then = [agents.ASK, {"role": "assistant", "content": said}, agents.ASK]
    recording = Cassette((agents.call([agents.ASK], first), agents.call(then, answer(20))))
    found = only(swept(AsksAboutTheAnswer, recording, cases=["call=2/chunk=2/kind=reset-mid-stream"])).shorter
    assert found is not None
    assert str(found.case) == "call=2/chunk=2/kind=reset-mid-stream"
    assert [len(one.timeline.chunks) for one in found.recording] == [2, 4]


def test_a_chunk_left_out_before_the_fault_moves_its_place_along() -> None:
    found = only(swept(GoesByWhatItHeard, LONG, cases=["call=1/chunk=30/kind=reset-mid-stream"])).shorter
    assert found is not None
    assert found.chunks < 10
    assert int(found.case.strikes[0].at.index) < 10


def test_a_scenario_and_a_function_give_a_recording_as_well(tmp_path: Path) -> None:
    def says(_: Prompt) -> str:
        return "It is twenty degrees and sunny in all of Paris today."

    found = only(swept(GoesByWhatItHeard, says, shrunk_to=tmp_path)).shorter
    assert found is not None
    assert found.chunks < found.of
    assert only(swept(GoesByWhatItHeard, found.path, cases=[found.case])).checker == "no-partial-success"


def counted(monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> int:
    tried = []
    fails = shorter.Shortener._fails

    def count(self: shorter.Shortener, *given: Any) -> Cassette | None:
        tried.append(given)
        return fails(self, *given)

    monkeypatch.setattr(shorter.Shortener, "_fails", count)
    run()
    return len(tried)


def test_a_sweep_of_many_failures_tries_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = "reset-mid-stream truncate-clean malformed-json-event eof-mid-stream garbage-bytes"
    tries = counted(
        monkeypatch,
        lambda: swept(GoesByWhatItHeard, agents.RECORDING, kinds=kinds, invariants="no-partial-success"),
    )
    assert shorter.TRIES_MAX < tries <= shorter.ALL_TRIES_MAX


def test_nothing_is_tried_where_nothing_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counted(monkeypatch, lambda: swept(agents.Agent, agents.RECORDING)) == 0
