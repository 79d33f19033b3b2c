"""What an answer says, in which pieces, in which bytes: blocks, tool calls, raw, json, and delivery."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from harness.dialects import deltas
from harness.model import Text, Thinking, ToolFragment
from harness.spec import Found
from tests.scenarios.playing import asked, heard, missed, only, played, source

BLOCKS = """calls:
  - id: plan
    reply:
      blocks:
        - thinking: "The user wants the weather."
        - text: "Let me check. "
        - tool: {name: get_weather, id: call_1, args: {city: Paris}, stream_args: [['{"ci'], ['ty": "P', 'aris"}']]}
        - text: "One moment."
      finish: tool
"""
STREAMS = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama")


def one(reply: str, rest: str = "") -> str:
    return f"calls:\n  - {{id: a, reply: {reply}}}\n{rest}"


@pytest.mark.parametrize("dialect", STREAMS)
@pytest.mark.parametrize("stream", [True, False])
def test_blocks_are_said_in_every_dialect(dialect: str, stream: bool) -> None:
    reply = heard(source(BLOCKS).find(asked(dialect=dialect, stream=stream)))
    assert reply.text == "Let me check. One moment."
    assert reply.thinking == "The user wants the weather."
    assert [(call.name, json.loads(call.arguments)) for call in reply.tool_calls] == [
        ("get_weather", {"city": "Paris"})
    ]
    assert reply.finish == "tool"


@pytest.mark.parametrize("dialect", ["anthropic", "openai-chat"])
def test_blocks_stream_in_their_order_and_arguments_in_their_pieces(dialect: str) -> None:
    answered = source(BLOCKS).find(asked(dialect=dialect, stream=True))
    assert isinstance(answered, Found)
    said = [delta for _, delta in deltas(answered.interaction.request, answered.interaction.timeline)]
    kinds = [type(delta) for delta in said if isinstance(delta, Text | Thinking | ToolFragment)]
    order = [kind for number, kind in enumerate(kinds) if kinds[number - 1 : number] != [kind]]
    assert order == [Thinking, Text, ToolFragment, Text]
    fragments = [delta.arguments for delta in said if isinstance(delta, ToolFragment) and delta.arguments]
    assert fragments == ['{"ci', 'ty": "P', 'aris"}']


def test_pieces_in_one_list_travel_in_one_chunk() -> None:
    chunks = played(source(BLOCKS).find(asked(dialect="openai-chat", stream=True))).chunks
    together = [chunk for chunk in chunks if b'ty\\": \\"P' in chunk]
    assert len(together) == 1
    assert b'aris\\"}' in together[0]
    assert b'{\\"ci' not in together[0]


def test_a_raw_block_goes_over_the_wire_as_it_stands_between_its_neighbours() -> None:
    body = one('{blocks: [{text: one}, {raw: ": ping\\n\\n"}, {text: two}]}')
    chunks = played(source(body).find(asked(dialect="openai-chat", stream=True))).chunks
    place = chunks.index(b": ping\n\n")
    assert b'"one"' in chunks[place - 1]
    assert b'"two"' in chunks[place + 1]
    first = one('{blocks: [{raw: ": first\\n\\n"}, {text: one}]}')
    chunks = played(source(first).find(asked(dialect="openai-chat", stream=True))).chunks
    assert b'"one"' in chunks[chunks.index(b": first\n\n") + 1]
    assert "has its place in a stream" in missed(source(body).find(asked(dialect="openai-chat"))).reason


def test_a_tool_call_at_a_backend_says_how_it_is_written_there() -> None:
    assert "~~~json" in missed(source(BLOCKS).find(asked())).reason


@pytest.mark.parametrize(
    "tool,mistake",
    [
        ("{name: f, args: {a: 1}, stream_args: ['{\"a\"', ': 2}']}", 'and args is {"a": 1}'),
        ("{name: f, raw_args: '{', stream_args: ['{', '}']}", "and raw_args is '{'"),
        ("{name: f, stream_args: [3]}", "a text"),
    ],
)  # fmt: skip
def test_pieces_that_do_not_add_up_are_a_mistake(tool: str, mistake: str) -> None:
    assert mistake in only(one(f"{{tool_calls: [{tool}]}}"))


def test_json_is_the_text_of_the_answer() -> None:
    reply = heard(source(one("{json: {stats: [1, é]}}")).find(asked(dialect="openai-chat", stream=True)))
    assert reply.text == '{"stats": [1, "é"]}'
    assert heard(source(one("{json: null}")).find(asked())).text == "null"


def test_thinking_comes_before_the_text_and_a_native_word_ends_it() -> None:
    body = one("{thinking: hm, text: yes, native_finish: eos, usage: {input: 9, output: 7, cached: 2}}")
    reply = heard(source(body).find(asked(dialect="openai-chat")))
    assert (reply.thinking, reply.text, reply.native_finish) == ("hm", "yes", "eos")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cached_tokens) == (9, 7, 2)


def test_usage_null_is_none_and_finish_missing_does_not_say_why() -> None:
    reply = heard(source(one("{text: x, usage: null, finish: missing}")).find(asked(dialect="openai-chat")))
    assert (reply.usage, reply.finish) == (None, None)


def test_a_finish_that_the_provider_has_no_word_for_is_a_mistake_of_the_file() -> None:
    assert "has no form for the finish reason 'pause'" in only(
        one("{text: x, finish: pause}", "provider: openai-chat\n")
    )
    assert source(one("{text: x, finish: pause}", "provider: anthropic\n"))


def test_raw_is_sent_as_it_stands() -> None:
    body = one("{raw: {status: 418, headers: {x-pot: short}, body: {why: tea}}}")
    timeline = played(source(body).find(asked(dialect="openai-chat")))
    assert timeline.head is not None
    assert (timeline.head.status, timeline.head.headers.get("x-pot")) == (418, "short")
    assert (timeline.head.headers.get("content-type"), timeline.body) == ("application/json", b'{"why": "tea"}')
    stream = one('{raw: {headers: {content-type: text/event-stream}, body: "data: 1\\n\\ndata: 2\\n\\n"}}')
    assert played(source(stream).find(asked(dialect="openai-chat"))).chunks == (b"data: 1\n\n", b"data: 2\n\n")
    assert "a raw answer is one of the wire" in missed(source(body).find(asked())).reason


def test_the_body_of_a_raw_answer_comes_from_a_file_of_the_project_and_from_no_other(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "scenarios").mkdir(parents=True)
    (project / "pyproject.toml").touch()
    (project / "body.bin").write_bytes(b"\x00\xff")
    (tmp_path / "secret").write_text("s")
    (project / "link").symlink_to(tmp_path / "secret")
    from harness.scenarios import compile_scenario, load_scenario

    file = project / "scenarios" / "x.yaml"
    file.write_text("harness: 1\nname: x\n" + one("{raw: {body_file: body.bin}}"))
    here = compile_scenario(load_scenario(file))
    assert played(here.find(asked(dialect="openai-chat"))).body == b"\x00\xff"
    for name in ("../../secret", "../link", str(tmp_path / "secret"), "../nowhere", "a" * 5_000, '"a\\0b"'):
        found = only(one(f"{{raw: {{body_file: {name}}}}}"), project / "scenarios")
        assert found.startswith("4:38: ")
        assert "lies outside of the project" in found or "there is no file" in found


# --- delivery ------------------------------------------------------------------------------------------------------

PLAIN = "{text: 'Hé llo'}"


def with_delivery(delivery: str, reply: str = PLAIN) -> str:
    return f"defaults: {{delivery: {delivery}}}\n{one(reply)}"


@pytest.mark.parametrize(
    "tokens,pieces",
    [("words", ["Hé", " llo"]), ("chars", list("Hé llo")), ("['H', 'é llo']", ["H", "é llo"])],
)
def test_the_text_is_cut_into_words_letters_or_what_is_listed(tokens: str, pieces: list[str]) -> None:
    answered = source(with_delivery(f"{{tokens: {tokens}}}")).find(asked(dialect="openai-chat", stream=True))
    assert isinstance(answered, Found)
    said = deltas(answered.interaction.request, answered.interaction.timeline)
    assert [delta.text for _, delta in said if isinstance(delta, Text) and delta.text] == pieces


def test_listed_tokens_that_are_not_the_text_are_a_mistake() -> None:
    assert "the tokens of its delivery joined are 'ab'" in only(with_delivery("{tokens: [a, b]}"))


def test_chunks_hold_an_event_a_token_all_or_so_many_bytes() -> None:
    def chunks(delivery: str) -> tuple[bytes, ...]:
        return played(source(with_delivery(delivery)).find(asked(dialect="openai-chat", stream=True))).chunks

    whole = b"".join(chunks("{}"))
    assert chunks("{chunk: event}") == chunks("{}") == chunks("{chunk: as-recorded}")
    assert chunks("{chunk: all}") == (whole,)
    by_token = chunks("{chunk: token}")
    assert b"".join(by_token) == whole
    assert [chunk.count(b"data:") for chunk in by_token] == [2, 1, 2]
    by_bytes = chunks("{chunk: 'bytes:3'}")
    assert b"".join(by_bytes) == whole
    assert {len(chunk) for chunk in by_bytes[:-1]} == {3}


def test_lines_end_as_they_are_told_and_the_answer_means_the_same() -> None:
    for newline, ending in (("lf", b"\n\n"), ("crlf", b"\r\n\r\n"), ("cr", b"\r\r")):
        answered = source(with_delivery(f"{{newline: {newline}}}")).find(asked(dialect="anthropic", stream=True))
        assert ending in played(answered).body
        assert (b"\n" in played(answered).body) == (b"\n" in ending)
        assert heard(answered).text == "Hé llo"
    assert heard(source(with_delivery("{newline: cr}")).find(asked(dialect="anthropic"))).text == "Hé llo"


@pytest.mark.parametrize(
    "framing,header",
    [("chunked", "transfer-encoding"), ("content-length", "content-length"), ("close", "connection")],
)
def test_the_head_says_how_the_body_is_framed(framing: str, header: str) -> None:
    timeline = played(source(with_delivery(f"{{framing: {framing}}}")).find(asked(dialect="openai-chat", stream=True)))
    assert timeline.head is not None
    told = timeline.head.headers.get(header)
    assert told == (str(len(timeline.body)) if framing == "content-length" else framing)


def test_a_compressed_answer_is_the_same_one_also_after_a_fault() -> None:
    body = with_delivery("{compress: gzip}") + "faults: [{at: call=2/chunk=2, kind: truncate-clean}]\n"
    here = source(body)
    first = here.find(asked(dialect="openai-chat", stream=True))
    assert played(first).head.headers.get("content-encoding") == "gzip"  # type: ignore[union-attr]
    assert heard(first).text == "Hé llo"
    assert gzip.decompress(played(first).body).startswith(b"data: ")
    assert heard(here.find(asked("other", dialect="openai-chat", stream=True))).text == "Hé"


@pytest.mark.parametrize(
    "delivery,mistake",
    [
        ("{chunk: bytes}", "found 'bytes', allowed is event, token"),
        ("{chunk: 'bytes:0'}", "event, token, all, as-recorded or bytes:n"),
        ("{tokens: letters}", "words, chars or a list of texts"),
        ("{newline: nl}", "allowed is lf, crlf or cr"),
        ("{compress: br}", "allowed is gzip"),
        ("{http: 2}", "the key 'http' is not known here"),
    ],
)
def test_a_delivery_that_is_none_is_a_mistake(delivery: str, mistake: str) -> None:
    found = only(with_delivery(delivery))
    assert mistake in found
    assert found.startswith("3:")


@pytest.mark.parametrize(
    "reply,mistake",
    [
        ("{blocks: []}", "at least 1 item"),
        (
            "{blocks: [{text: a, thinking: b}]}",
            "a block is one of text, thinking, tool, image or raw, found text and thinking",
        ),
        ("{blocks: [{image: x}]}", "found 'x', allowed is a file of this project (.png, .jpeg"),
        ("{blocks: [{txet: a}]}", "Did you mean 'text'?"),
        ("{raw: {body: a, body_file: b}}", "give one of them"),
        ("{raw: {status: 42}}", "numbers from 100"),
        ("{raw: {}, finish: stop}", "finish says nothing beside raw"),
        ("{failure: {rc: 1}, usage: {input: 1}}", "usage says nothing beside failure"),
        ("{text: a, json: {b: 1}}", "text and json in one reply"),
        ("{text: a, native_finish: eos, finish: missing}", "finish is missing, and native_finish says it"),
        ("{refusal: no, thinking: hm}", "thinking says nothing beside refusal"),
    ],
)
def test_parts_that_do_not_agree_are_a_mistake(reply: str, mistake: str) -> None:
    assert mistake in only(one(reply))
