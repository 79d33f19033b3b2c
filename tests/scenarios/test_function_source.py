"""A plain function as a source, in whatever dialect it is asked."""

from __future__ import annotations

import pytest

from harness.model import Message, Problem, Prompt, Reply, ToolCall, Usage
from harness.scenarios import function_source
from harness.spec import Found
from tests.scenarios.test_source import CHATS, asked, found, missed


def echo(prompt: Prompt) -> str:
    return f"You said {prompt.text}"


def test_a_function_answers_with_a_text_a_reply_or_a_problem() -> None:
    answered = function_source(echo).find(asked("hi"))
    assert isinstance(answered, Found)
    assert (answered.how, answered.interaction.id) == ("function", "echo")
    assert (found(answered)[0].text, found(answered)[0].finish) == ("You said hi", "stop")
    told = Reply(text="x", tool_calls=(ToolCall("f", "{}", "c"),), finish="tool", usage=Usage(1, 2))
    assert found(function_source(lambda _: told).find(asked("hi")))[0].tool_calls == told.tool_calls
    problem = Problem("rate-limit", "slow", status=429, retry_after_s=3)
    refused, timeline = found(function_source(lambda _: problem).find(asked("hi")))
    assert refused.problem == problem
    assert timeline.head is not None
    assert timeline.head.status == 429


def test_a_function_answers_every_wire() -> None:
    for dialect in CHATS:
        request = dialect.encode(Prompt((Message("user", "hi"),), "m", stream=True), "https://x.example/v1")
        assert found(function_source(echo).find(request))[0].text == "You said hi"


def test_what_a_function_cannot_say_is_a_miss_and_what_is_no_answer_a_type_error() -> None:
    wire = CHATS[0].encode(Prompt((Message("user", "x"),), "m"), "https://x.example/v1")
    assert "cannot say" in missed(function_source(lambda _: Problem("failure", "rc 1")).find(wire)).reason
    with pytest.raises(TypeError, match="returned int"):
        function_source(lambda _: 3).find(asked("x"))  # type: ignore[arg-type,return-value]
