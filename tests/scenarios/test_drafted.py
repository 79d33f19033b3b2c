"""A scenario out of a recording says the same as the recording, and stays readable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dialects import decode, get
from harness.model import (
    Cassette,
    Chunk,
    End,
    Head,
    Headers,
    Interaction,
    Message,
    Nanos,
    Prompt,
    Request,
    Reset,
    TimedOut,
    Timeline,
)
from harness.scenarios import compile_scenario, drafted, parse_scenario
from harness.scenarios._written_yaml import yaml_lines
from harness.scenarios._yaml import read
from harness.spec import Found, Mismatch
from harness.storage import load

CASSETTES = sorted((Path(__file__).parents[2] / "cassettes").glob("*.yaml"))
CHAT = "https://api.openai.com/v1/chat/completions"


def ask(text: str, **more: object) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return Request("POST", CHAT, body=json.dumps(body).encode())


def whole(text: str) -> Timeline:
    body = {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "finish_reason": "stop"}
        ]
    }
    return Timeline(
        (
            (Nanos(0), Head(200)),
            (Nanos(1_500_000_000), Chunk(json.dumps(body).encode())),
            (Nanos(1_500_000_000), End()),
        )
    )


def recording(*pairs: tuple[Request, Timeline]) -> Cassette:
    return Cassette(
        tuple(Interaction(request, answer, f"#{n}") for n, (request, answer) in enumerate(pairs, 1)), "said.yaml"
    )


def answers(text: str, *requests: Request) -> list[str]:
    source, said = compile_scenario(parse_scenario(text)), []
    for request in requests:
        found = source.find(request)
        reply = decode(request, found.interaction.timeline) if isinstance(found, Found) else None
        said.append(reply.text if reply else str(found))
    return said


@pytest.mark.parametrize("whole", [False, True], ids=["in pieces", "whole"])
@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_draft_says_what_its_recording_says(path: Path, whole: bool) -> None:
    cassette = load(path)
    source = compile_scenario(parse_scenario(drafted(cassette, path.stem, whole=whole)))
    for heard in cassette:
        found = source.find(heard.request)
        assert isinstance(found, Found), found
        want, said = heard.reply, found.interaction.reply
        assert want is not None
        assert said is not None
        for aspect in ("text", "thinking", "refusal", "tool_calls", "finish", "native_finish", "usage", "problem"):
            assert getattr(said, aspect) == getattr(want, aspect), aspect
        if not whole and heard.timeline.head is not None and heard.timeline.end == "eof":
            off = abs(found.interaction.timeline.end_at - heard.timeline.end_at)
            assert off <= 100_000_000, "times are rounded to milliseconds for each token"
    assert not source.unplayed()


def test_what_tells_requests_apart_is_the_part_that_varies_and_not_the_instructions_they_share() -> None:
    rules = "\nAnswer in one word, and in English.\nBe kind."
    text = drafted(
        recording(
            (ask(f"Capital of Peru?{rules}"), whole("Lima")), (ask(f"Capital of Chad?{rules}"), whole("N'Djamena"))
        ),
        "capitals",
    )
    assert 'when: {user: {contains: "Capital of Peru?"}}' in text
    assert answers(text, ask("Capital of Chad?"), ask("Capital of Peru?")) == ["N'Djamena", "Lima"]


@pytest.mark.parametrize(
    "one, other",
    [
        (ask("hi", temperature=0), ask("hi", temperature=1)),
        (ask("hi"), ask("hi", seed=7)),
        (ask("hi", messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]), ask("hi")),
        (ask("hi"), Request("POST", CHAT.replace("/v1/", "/v2/"), body=ask("hi").body)),
        (ask("hi"), ask("hi there")),
    ],
    ids=["a parameter", "one more parameter", "a system text", "the path", "the beginning of another"],
)
def test_requests_are_told_apart_by_whatever_differs_in_any_order(one: Request, other: Request) -> None:
    text = drafted(recording((one, whole("first")), (other, whole("second"))), "two")
    assert answers(text, one, other) == ["first", "second"]
    assert answers(text, other, one) == ["second", "first"]


def test_the_same_request_is_answered_in_order_and_then_no_more() -> None:
    text = drafted(recording((ask("hi"), whole("first")), (ask("hi"), whole("second"))), "twice")
    *said, third = answers(text, ask("hi"), ask("hi"), ask("hi"))
    assert said == ["first", "second"]
    assert "all were given" in third


def test_a_tool_s_result_is_asked_for_by_its_call() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]
    first, second = ask("What time is it?"), ask("", messages=history)
    text = drafted(recording((first, whole("I look.")), (second, whole("It is noon."))), "clock")
    assert "tool_result: {for: c1, contains: noon}" in text
    assert answers(text, first, second) == ["I look.", "It is noon."]


def test_braces_of_an_answer_stay_braces() -> None:
    said = "Write {{ user }} and {{ nothing }}."
    text = drafted(recording((ask("hi"), whole(said))), "braces")
    assert answers(text, ask("hi")) == [said]
    assert "raw:" not in text, "it can be said in words"


@pytest.mark.parametrize(
    "event, kind",
    [
        (Reset("ConnectError", "refused"), "connect-refused"),
        (Reset("ConnectError", "[Errno -2] Name or service not known"), "dns-failure"),
        (Reset("ReadError", "reset"), "reset-before-headers"),
        (Reset("RemoteProtocolError", "gone"), "close-before-headers"),
        (TimedOut("connect"), "connect-timeout"),
        (TimedOut("pool"), "pool-timeout"),
        (TimedOut("read"), "stall-before-headers"),
    ],
    ids=lambda value: getattr(value, "error", "") or getattr(value, "phase", value),
)
def test_a_request_without_an_answer_is_a_fault(event: Reset | TimedOut, kind: str) -> None:
    text = drafted(recording((ask("hi"), Timeline.failed(event))), "silent")
    assert f"kind: {kind}" in text
    found = compile_scenario(parse_scenario(text)).find(ask("hi"))
    assert isinstance(found, Found)
    assert found.interaction.timeline.head is None


def test_an_answer_that_broke_off_breaks_off_after_the_same_token() -> None:
    events = get("openai-chat").render(load(CASSETTES[0]).interactions[0].reply, Prompt(stream=True), ["a ", "b ", "c"])
    made = Timeline.of(events[0], events[1]).cut(3).then(Reset("ReadError"))
    request = ask("hi", stream=True)
    want = decode(request, made)
    text = drafted(recording((request, made)), "broken")
    found = compile_scenario(parse_scenario(text)).find(request)
    assert want is not None
    assert want.text
    assert isinstance(found, Found)
    assert decode(request, found.interaction.timeline).text == want.text  # type: ignore[union-attr]
    assert isinstance(found.interaction.timeline.events[-1][1], Reset)


def test_a_refusal_of_the_provider_stands_with_its_status_and_headers() -> None:
    head = Head(429, Headers((("Content-Type", "application/json"), ("Retry-After", "7"), ("Date", "yesterday"))))
    error = b'{"error": {"message": "slow down", "type": "rate_limit", "code": null}}'
    text = drafted(recording((ask("hi"), Timeline.of(head, [error]))), "limited")
    assert "status: 429" in text
    assert 'retry-after: "7"' in text
    assert "yesterday" not in text
    found = compile_scenario(parse_scenario(text)).find(ask("hi"))
    assert isinstance(found, Found)
    assert decode(ask("hi"), found.interaction.timeline).problem.kind == "rate-limit"  # type: ignore[union-attr]


def test_what_cannot_be_said_is_said_in_a_comment() -> None:
    request = Request("POST", "https://example.org/strange", body=b"\x00\x01")
    text = drafted(recording((request, Timeline.of(Head(200), [b"\xff\xfe"]))), "strange")
    assert "# its 2 bytes are no text: put them into a file, and say body_file" in text
    assert "# as it was sent: no dialect recognises this request" in text
    assert not isinstance(compile_scenario(parse_scenario(text)).find(request), Mismatch)


@pytest.mark.parametrize(
    "url, asked, answer, why",
    [
        (
            CHAT,
            {"n": 2},
            {
                "choices": [
                    {"index": n, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
                    for n in (0, 1)
                ]
            },
            "it has several choices, and a reply is one",
        ),
        (
            "https://api.anthropic.com/v1/messages",
            {"max_tokens": 9},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "hologram", "scene": 1}, {"type": "text", "text": "hi"}],
                "stop_reason": "end_turn",
            },
            "no reply says hologram",
        ),
    ],
    ids=["choices", "a block of a new kind"],
)
def test_why_an_answer_stands_as_it_was_sent_is_told(
    url: str, asked: dict[str, object], answer: dict[str, object], why: str
) -> None:
    request = Request("POST", url, body=ask("hi", **asked).body)
    heard = Timeline.of(Head(200, Headers((("content-type", "application/json"),))), [json.dumps(answer).encode()])
    text = drafted(recording((request, heard)), "odd")
    assert f"# as it was sent: {why}" in text
    found = compile_scenario(parse_scenario(text)).find(request)
    assert isinstance(found, Found)
    assert json.loads(found.interaction.timeline.body) == answer


def test_a_recording_of_no_call_makes_no_scenario() -> None:
    with pytest.raises(ValueError, match=r"nothing\.yaml recorded no call"):
        drafted(Cassette(name="nothing.yaml"), "nothing")


def test_a_long_conversation_is_told_apart_by_its_turns() -> None:
    def turn(n: int) -> Request:
        said = [
            Message("user", "go on"),
            *[m for _ in range(n) for m in (Message("assistant", "yes"), Message("user", "go on"))],
        ]
        return ask("", messages=[{"role": m.role, "content": m.content} for m in said])

    asked = [turn(n) for n in range(4)]
    text = drafted(recording(*((one, whole(f"turn {n}")) for n, one in enumerate(asked, 1))), "turns")
    assert answers(text, *asked[::-1]) == ["turn 4", "turn 3", "turn 2", "turn 1"]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    [
        "no",
        "null",
        "1e5",
        "~",
        "- a",
        "a: b",
        "# a",
        "a\n\nb\n",
        " a\nb",
        "a\n b\n\n",
        "\ta\nb",
        "12ms",
        "'",
        '"',
        "a\nb  \n",
    ]
)
VALUES = st.recursive(
    TEXTS | st.integers(-9, 9) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS.filter(bool), VALUES, min_size=1, max_size=4))
def test_whatever_is_written_is_read_back(value: dict[str, object]) -> None:
    text = "\n".join(yaml_lines(value, 0)) + "\n"
    document = read(text.encode(), "written.yaml")
    assert (document.value, document.places) == (value, []), text
