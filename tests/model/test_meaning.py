from harness.model import Began, Finish, Message, Problem, Prompt, Reply, Text, ToolCall, ToolFragment, Usage


def test_a_reply_is_the_sum_of_its_deltas() -> None:
    reply = Reply.of(
        [
            Began("id-1", "m"),
            Text("Hel"),
            Text("other", choice=1),
            Text("lo"),
            ToolFragment(1, "b", "{}", "call-b"),
            ToolFragment(0, "a", '{"x":', "call-a"),
            ToolFragment(0, arguments="1}"),
            Usage(input_tokens=3),
            Usage(output_tokens=5),
            Finish("tool", "tool_calls"),
        ]
    )
    assert (reply.text, reply.id, reply.model, reply.finish) == ("Hello", "id-1", "m", "tool")
    assert reply.tool_calls == (ToolCall("b", "{}", "call-b"), ToolCall("a", '{"x":1}', "call-a"))
    assert reply.usage == Usage(3, 5)


def test_the_first_problem_counts() -> None:
    first = Problem("overloaded", status=529)
    assert Reply.of([Text("a"), first, Problem("unknown")]).problem is first


def test_a_prompt_knows_its_last_user_text_and_its_system_texts() -> None:
    prompt = Prompt(
        (Message("system", "be brief"), Message("user", "one"), Message("assistant", "1"), Message("user", "two"))
    )
    assert (prompt.text, prompt.system) == ("two", "be brief")
    assert (Prompt().text, Prompt().system) == ("", "")
