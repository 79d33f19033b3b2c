"""A recording as the source of a scenario: never edited, only overlaid."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness.errors import UnplayedError
from harness.model import Cassette, Interaction, Timeline, seconds
from harness.scenarios import compile_scenario, parse_scenario
from harness.storage import save
from tests.scenarios.playing import HEAD, asked, heard, missed, mistakes, only, played, source

ANSWERS = "calls: [{id: a, reply: {text: one two three, usage: {input: 3, output: 4}}}]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a recording of two streamed Anthropic calls, each event 100 ms after the one before."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "cassettes").mkdir()
    made = source(ANSWERS)
    interactions = []
    for text in ("first", "second"):
        request = asked(text, dialect="anthropic", stream=True)
        timeline = played(made.find(request))
        assert timeline.head is not None
        paced = Timeline.of(timeline.head, timeline.chunks, every=seconds(0.1))
        interactions.append(Interaction(request, paced))
    save(tmp_path / "cassettes" / "two.yaml", Cassette(tuple(interactions)))
    return tmp_path


def opened(project: Path, body: str) -> harness.scenarios.ScenarioSource:  # type: ignore[name-defined]
    return compile_scenario(parse_scenario(HEAD + body, str(project / "x.yaml")))


def ask(text: str) -> object:
    return asked(text, dialect="anthropic", stream=True)


FIRST, SECOND = asked("first", dialect="anthropic", stream=True), asked("second", dialect="anthropic", stream=True)


def test_a_recording_answers_and_the_calls_of_the_file_come_before_it(project: Path) -> None:
    here = opened(project, "cassette: cassettes/two.yaml\n")
    assert [heard(here.find(request)).text for request in (FIRST, SECOND)] == ["one two three"] * 2
    assert here.answers == 2
    mixed = opened(
        project, "cassette: cassettes/two.yaml\ncalls: [{id: a, when: {user: second}, reply: {text: own}}]\n"
    )
    assert [heard(mixed.find(request)).text for request in (FIRST, SECOND)] == ["one two three", "own"]
    assert "POST" in mixed.unplayed()[0]


def test_its_times_are_those_recorded_or_none_or_at_a_rate(project: Path) -> None:
    def end(cassette: str) -> float:
        here = opened(project, f"cassette: {{file: cassettes/two.yaml, {cassette}}}\n")
        return played(here.find(FIRST)).end_at / 1e9

    recorded = end("timing: recorded")
    assert recorded > 0.5
    assert end("timing: none") == 0
    assert end("timing: 2") == end("speed: 2.0") == pytest.approx(recorded / 2)


def test_a_strict_order_is_kept(project: Path) -> None:
    here = opened(project, "cassette: {file: cassettes/two.yaml, order: strict}\n")
    assert "out of order: number 1 of the cassette comes next" in missed(here.find(SECOND)).reason
    assert heard(opened(project, "cassette: cassettes/two.yaml\n").find(SECOND)).text


def test_only_the_parts_that_are_named_have_to_be_equal(project: Path) -> None:
    body = json.loads(FIRST.body)
    other = replace(FIRST, body=json.dumps({**body, "max_tokens": 7}).encode())
    assert missed(opened(project, "cassette: cassettes/two.yaml\n").find(other))
    matching = "cassette: {file: cassettes/two.yaml, match: [method, path, 'body.messages[-1]', 'body.tools[].name']}\n"
    assert heard(opened(project, matching).find(other)).text == "one two three"
    changed = replace(other, body=other.body.replace(b"first", b"third"))
    assert missed(opened(project, matching).find(changed))


def test_faults_and_edits_are_laid_over_it_in_order(project: Path) -> None:
    file = project / "cassettes" / "two.yaml"
    before = file.read_bytes()
    here = opened(
        project,
        """cassette: cassettes/two.yaml
overlay:
  - {at: "call=1/event=content_block_delta[2]", patch: [{op: replace, path: /delta/text, value: " TWO"}]}
  - {at: "call=*", patch: [{op: replace, path: /usage/output_tokens, value: 0}]}
  - {at: "call=2/event=content_block_delta[2]", kind: reset, times: 1}
""",
    )
    first = heard(here.find(FIRST))
    assert first.text == "one TWO three"
    assert first.usage is not None
    assert first.usage.output_tokens == 0
    second = here.find(SECOND)
    assert heard(second).text == "one two"
    assert played(second).end == "error"
    assert here.unstruck() == []
    assert file.read_bytes() == before


def test_an_edit_of_a_whole_body_and_one_of_a_chunk() -> None:
    body = """calls: [{id: a, reply: {text: one two}}]
overlay:
  - {at: call=1, patch: [{op: replace, path: /choices/0/message/content, value: edited}]}
  - {at: "call=2/chunk=2", patch: [{op: replace, path: /choices/0/delta/content, value: ONE}]}
"""
    here = source(body)
    answered = here.find(asked(dialect="openai-chat"))
    assert heard(answered).text == "edited"
    assert heard(here.find(asked("x", dialect="openai-chat", stream=True))).text == "ONE two"


def test_an_edited_event_comes_when_it_came_and_so_do_its_neighbours(project: Path) -> None:
    plain = played(opened(project, "cassette: cassettes/two.yaml\n").find(FIRST))
    edit = (
        '{at: "call=1/event=content_block_delta[1]", patch: [{op: replace, path: /delta/text, value: longer by far}]}'
    )
    edited = played(opened(project, f"cassette: cassettes/two.yaml\noverlay: [{edit}]\n").find(FIRST))
    assert [at for at, _ in edited.events] == [at for at, _ in plain.events]
    assert len(edited.body) > len(plain.body)


def test_an_edit_that_found_nothing_is_told(project: Path) -> None:
    here = opened(
        project,
        """cassette: cassettes/two.yaml
overlay: [{at: call=1, patch: [{op: replace, path: /nowhere, value: 0}]}]
""",
    )
    here.find(FIRST)
    assert here.unstruck() == [
        "the patch replace /nowhere at call=1 never struck: nothing there can be edited so",
    ]


def test_what_nobody_asked_for_fails_the_test(project: Path) -> None:
    file = project / "x.yaml"
    file.write_text(HEAD + "cassette: cassettes/two.yaml\n")
    with pytest.raises(UnplayedError), harness.scenario(file) as session:
        session.open(FIRST, harness.model.Patience())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "cassette,mistake",
    [
        ("{file: cassettes/none.yaml}", "3:18: there is no file 'cassettes/none.yaml'"),
        ("cassettes/none.yaml", "3:11: there is no file"),
        ("{file: ../two.yaml}", "3:18: '../two.yaml' lies outside of the project"),
        ("{file: pyproject.toml}", "3:18: pyproject.toml cannot be played"),
        ("{file: cassettes/two.yaml, match: [method, path]}", "3:45: the body is always a part of the match"),
        ("{file: cassettes/two.yaml, match: [body, pth]}", "'pth' is no part of a request"),
        ("{file: cassettes/two.yaml, match: ['body.a[']}", "is no JSON path"),
        ("{file: cassettes/two.yaml, timing: none, speed: 2}", "only recorded times have a speed"),
        ("{file: cassettes/two.yaml, timing: 0}", "a rate above zero"),
        ("{file: cassettes/two.yaml, order: any, sha256: abc}", "3:"),
        ("{fle: x}", "Did you mean 'file'?"),
    ],
)
def test_a_mistake_in_a_cassette_has_its_place(project: Path, cassette: str, mistake: str) -> None:
    assert any(mistake in found for found in mistakes(f"cassette: {cassette}\n", project))


def test_a_recording_that_was_changed_is_noticed(project: Path) -> None:
    digest = hashlib.sha256((project / "cassettes" / "two.yaml").read_bytes()).hexdigest()
    opened(project, f"cassette: {{file: cassettes/two.yaml, sha256: {digest}}}\n")
    wrong = digest[::-1]
    found = only(f"cassette: {{file: cassettes/two.yaml, sha256: {wrong}}}\n", project)
    assert found == f"3:46: cassettes/two.yaml has changed: its sha256 is {digest}"


@pytest.mark.parametrize(
    "item,mistake",
    [
        ("{at: call=1, patch: [{op: replac, path: /a, value: 1}]}", "Did you mean 'replace'?"),
        ("{at: call=1, patch: [{op: replace, path: /a}]}", "replace needs `value`"),
        ("{at: call=1, patch: [{op: remove, path: /a, value: 1}]}", "remove takes no `value`"),
        ("{at: call=1, patch: [{op: move, path: /a}]}", "move needs `from`"),
        ("{at: call=1, patch: [{op: remove, path: a}]}", "is no JSON Pointer"),
        ("{at: call=1, patch: []}", "at least 1 item"),
        ("{at: call=1/end, patch: [{op: remove, path: /a}]}", "no place to edit at"),
        ("{at: call=9/chunk=99, kind: reset}", "there is no chunk 99"),
        ("{at: call=1, kind: resett}", "Did you mean 'reset'?"),
        ("{at: call=1, patch: [{op: remove, path: /a}], kind: reset}", "the key 'kind' is not known here"),
    ],
)
def test_a_mistake_in_an_overlay_has_its_place(project: Path, item: str, mistake: str) -> None:
    found = only(f"cassette: cassettes/two.yaml\noverlay:\n  - {item}\n", project)
    assert mistake in found
    assert found.startswith("5:")


def test_neither_calls_nor_a_cassette_is_a_mistake() -> None:
    assert only("description: nothing\n") == "1:1: 'calls' is missing: a scenario needs calls, or a cassette"
