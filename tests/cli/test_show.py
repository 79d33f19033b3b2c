from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.cli._terminal import Terminal
from harness.cli._waterfall import waterfall
from harness.dialects import MEANING
from harness.model import (
    Cassette,
    Head,
    Headers,
    Interaction,
    Nanos,
    Request,
    Reset,
    TimedOut,
    Timeline,
    milliseconds,
)

CASSETTES = Path(__file__).parent.parent.parent / "cassettes"
URL = "https://api.openai.com/v1/chat/completions"
SSE = Headers.of([("content-type", "text/event-stream")])


def _event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


def _interaction(timeline: Timeline, prompt: str = "Hello?") -> Interaction:
    body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": prompt}]}
    return Interaction(Request("POST", URL, body=json.dumps(body).encode()), timeline, "#1", MEANING)


def _answer(*texts: str) -> Timeline:
    return Timeline.of(Head(200, SSE), [_event(t) for t in texts], at=milliseconds(100), every=milliseconds(50))


def _shown(timeline: Timeline, *, width: int = 80, unicode: bool = True, full: bool = False) -> str:
    cassette = Cassette((_interaction(timeline),), name="test.yaml")
    return "\n".join(waterfall(cassette, cassette, Terminal(width, unicode), full=full))


def test_a_call_shows_what_was_asked_what_came_and_how_it_ended() -> None:
    shown = _shown(_answer("Good ", "day."))
    assert "#1  POST api.openai.com/v1/chat/completions  openai.chat  gpt-4o" in shown
    assert 'ask      (streamed) user "Hello?"' in shown
    assert "head 100ms, first chunk 150ms, 2 chunks" in shown
    assert "reply    Good day." in shown
    assert "as its framing says, at 200ms" in shown


@pytest.mark.parametrize(
    "timeline, ended",
    [
        (Timeline.failed(Reset("ConnectError", "refused"), at=milliseconds(7)), "ConnectError at 7.0ms: refused"),
        (Timeline.failed(TimedOut("connect"), at=Nanos(2_000_000_000)), "connect timeout at 2.00s"),
        (_answer("a", "b").cut(1, "cancelled"), "cancelled by the caller, at 150ms"),
        (_answer("a", "b").cut(1, "closed"), "closed by the caller, at 150ms"),
        (_answer("a", "b").cut(1), "the recording stops here, at 150ms"),
    ],
)
def test_a_call_that_ended_badly_says_how(timeline: Timeline, ended: str) -> None:
    assert f"ended    {ended}" in _shown(timeline)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    shown = _shown(_answer(*(f"word{n} " for n in range(200))), width=width)
    body = shown.split("#1", 1)[1].split("\n", 1)[1]  # the heading holds a URL, which is never cut
    assert max(len(line) for line in body.splitlines()) <= width


def test_a_long_answer_is_cut_unless_all_of_it_is_asked_for() -> None:
    story = [f"word{n} " for n in range(200)]
    assert "word199" not in _shown(_answer(*story))
    assert "characters (--full)" in _shown(_answer(*story))
    assert "word199" in _shown(_answer(*story), full=True)


def test_a_recorded_answer_cannot_steer_the_terminal() -> None:
    shown = _shown(_answer("\x1b]0;owned\x07\x1b[2J"))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "owned" in shown


def test_a_terminal_without_unicode_gets_ascii() -> None:
    _shown(_answer("naïve ", "🌍"), unicode=False).encode("ascii")


class _Tty(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_that_want_it() -> None:
    assert Terminal.of(_Tty(), {}).colour
    assert not Terminal.of(_Tty(), {"NO_COLOR": "1"}).colour
    assert not Terminal.of(_Tty(), {"TERM": "dumb"}).colour
    assert not Terminal.of(io.StringIO(), {}).colour


def test_show_prints_a_cassette_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(CASSETTES / "openai-chat-tools.yaml")]) == 0
    shown = capsys.readouterr().out
    assert "tool     get_weather(" in shown
    assert "\x1b" not in shown


def test_show_as_json_has_the_time_and_the_length_of_every_chunk(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--json", str(CASSETTES / "demo.yaml")]) == 0
    (call,) = json.loads(capsys.readouterr().out)
    times = [at for at, _ in call["chunks"]]
    assert call["operation"] == "openai.chat"
    assert call["end"] == "eof"
    assert len(times) > 10
    assert times == sorted(times)
    assert call["text"].startswith("The clock tower")


def test_a_call_that_is_not_there_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(CASSETTES / "demo.yaml"), "--call", "2"]) == 2
    assert "1 calls, there is no call 2" in capsys.readouterr().err
    assert main(["show", str(CASSETTES / "demo.yaml"), "--call", "1"]) == 0
