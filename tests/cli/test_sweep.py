"""`harness sweep`: a scenario with a driver, or a cassette with one, and what scripts read of it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.cli import main
from harness.model import Cassette
from harness.storage import save
from tests.sweeps.agents import ASK, TEXT_CHUNKS, call

APP = """
import httpx

ASK = {"role": "user", "content": "What is the weather in Paris today?"}

class AppError(Exception): pass
class OtherError(Exception): pass

async def read():
    said, finished = "", False
    try:
        async with httpx.AsyncClient(verify=False, timeout=5) as client:
            body = {"messages": [ASK], "model": "gpt-x", "stream": True}
            async with client.stream("POST", "https://api.openai.com/v1/chat/completions", json=body) as answer:
                answer.raise_for_status()
                async for line in answer.aiter_lines():
                    said += line
                    finished = finished or "[DONE]" in line
    except httpx.HTTPError as error:
        raise AppError(str(error)) from error
    return said, finished

async def careless(ctx):
    return (await read())[0]

async def careful(ctx):
    said, finished = await read()
    if not finished:
        raise AppError("it broke off")
    return said
"""
HEAD = """
harness: 1
name: hello
provider: openai-chat
driver: sweptapp:careless
calls:
  - {id: weather, when: {user: {contains: weather}}, reply: {text: It is warm today.}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "sweptapp.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("sweptapp", None)


def sweep(place: Path, text: str, *words: str) -> int:
    (place / "hello.yaml").write_text(HEAD.lstrip() + dedent(text))
    return main(["sweep", "hello.yaml", *words])


def test_a_broken_promise_is_one_and_the_line_to_paste_is_printed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = ("--contract", "sweptapp.AppError")
    assert sweep(place, "", "--kinds", "truncate-clean", *contract) == 1
    told = capsys.readouterr().out
    line = "harness sweep hello.yaml --contract sweptapp.AppError --case 'call=1/headers/kind=truncate-clean'"
    assert line in told
    assert "no-partial-success / truncate-clean" in told
    assert main(["sweep", "hello.yaml", "--case", "call=1/headers/kind=truncate-clean", *contract]) == 1
    assert sweep(place, "", "--kinds", "truncate-clean", *contract, "--seed=3", "--invariants=-no-leaks") == 1
    line = line.replace(" --case", " --seed=3 --invariants=-no-leaks --case")
    assert line in capsys.readouterr().out
    assert main(shlex.split(line)[1:]) == 1
    assert "1 cases" in capsys.readouterr().out


def test_a_driver_that_keeps_its_promises_is_zero(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--driver", "sweptapp:careful", "--kinds", "truncate-clean cancel", "--contract", "sweptapp.AppError")
    assert sweep(place, "", *words) == 0
    assert "no case breaks a promise" in capsys.readouterr().out


def test_a_cassette_is_swept_with_a_driver(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(place / "weather.yaml", Cassette((call([ASK], TEXT_CHUNKS),)))
    words = ("--kinds", "reset-mid-stream", "--contract", "sweptapp.AppError")
    assert main(["sweep", "weather.yaml", *words]) == 2
    assert "names no driver" in capsys.readouterr().err
    assert main(["sweep", "weather.yaml", "--driver", "sweptapp:careful", *words]) == 0
    assert "  reset-mid-stream" in capsys.readouterr().out


def test_reports_go_where_the_file_or_the_command_says(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """\
    sweep: {kinds: [truncate-clean], invariants: [default, {contract_exceptions: [sweptapp.AppError]}]}
    report: {json: out/sweep.json, html: out/sweep.html}
    """
    assert sweep(place, text, "--junit", "sweep.xml", "--github") == 1
    report = json.loads((place / "out" / "sweep.json").read_text())
    assert not report["ok"]
    assert report["kinds"] == ["truncate-clean"]
    assert "<html" in (place / "out" / "sweep.html").read_text()
    assert ET.fromstring((place / "sweep.xml").read_text()).find(".//failure") is not None
    assert "::error file=hello.yaml,line=1,title=no-partial-success under truncate-clean::" in capsys.readouterr().out
    assert sweep(place, text, "--json") == 1
    assert json.loads(capsys.readouterr().out)["failures"] == report["failures"]


def test_a_case_that_strikes_nothing_is_no_success(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--driver", "sweptapp:careful", "--contract", "sweptapp.AppError", "--case")
    assert sweep(place, "", *words, "call=7/headers/kind=http-401-auth") == 1
    assert "found nothing to strike: call=7/headers/kind=http-401-auth" in capsys.readouterr().err
    assert sweep(place, "", *words, "call=1/headers/kind=http-401-auth") == 0


def ran(place: Path, text: str, capsys: pytest.CaptureFixture[str], *words: str) -> set[str]:
    sweep(place, text, "--json", "--driver", "sweptapp:careful", "--contract", "sweptapp.AppError", *words)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {case["name"] for case in report["cases"]} | {name for case in report["cases"] for name in case["covers"]}


@pytest.mark.parametrize(
    "said,names",
    [
        ("where: {chunks: 'first,last'}", {f"call=1/chunk={n}/kind=reset" for n in (1, 7)}),
        ("where: {chunks: 'every:3'}", {f"call=1/chunk={n}/kind=reset" for n in (3, 6)}),
        ("where: {chunks: all}, modes: [persistent]", {f"call=1/chunk={n}/kind=reset/persistent" for n in range(1, 8)}),
        ("where: {calls: [weather], chunks: last}", {"call=1/chunk=7/kind=reset"}),
    ],
)
def test_what_the_file_says_of_places_is_obeyed(
    place: Path, capsys: pytest.CaptureFixture[str], said: str, names: set[str]
) -> None:
    found = ran(place, f"sweep: {{kinds: [reset-mid-stream], {said}}}\n", capsys)
    assert {name.replace("reset-mid-stream", "reset") for name in found if "chunk=" in name} == names
    assert not any("cancel" in name for name in found)


def test_two_shards_have_every_case_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "sweep: {kinds: [reset-mid-stream], cancel: [every-chunk], where: {chunks: all}%s}\n"
    whole = ran(place, text % "", capsys)
    one, two = (ran(place, text % f", budget: {{shard: '{n}/2'}}", capsys) for n in (1, 2))
    assert one | two == whole
    assert one
    assert two
    assert one.isdisjoint(two)


def test_a_baseline_of_known_failures_is_borne_and_must_stay_true(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "sweep: {kinds: [truncate-clean], baseline: {file: old.json}}\n"
    assert sweep(place, "", "--kinds", "truncate-clean", "--json", "old.json", "--contract", "sweptapp.AppError") == 1
    assert sweep(place, text, "--contract", "sweptapp.AppError") == 0
    capsys.readouterr()
    assert sweep(place, text, "--contract", "sweptapp.AppError", "--driver", "sweptapp:careful") == 1
    assert "passes: take it off the list (broken in old.json)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words,message",
    [
        (("--kinds", "rest"), "no fault, pattern or phase is called 'rest'. Did you mean 'reset'?"),
        (("--tier", "most"), "tier='most' is none"),
        (("--invariants", "no-hangs"), "Did you mean 'no-hang'?"),
        (("--case", "call=1/kind"), "call=1/kind"),
        (("--contract", "sweptapp.Nothing"), "sweptapp.Nothing, which cannot be had"),
        (("--driver", "sweptapp:nobody"), "the driver sweptapp:nobody cannot be had"),
    ],
)
def test_what_cannot_be_meant_is_two_before_anything_runs(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert sweep(place, "", *words) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "text,message",
    [
        ("sweep: {kinds: [rest]}", "hello.yaml:7:16: no fault"),
        ("sweep: {invariants: [no-hangs]}", "hello.yaml:7:"),
        ("sweep: {invariants: [{no_retry_storm: {total: 3}}]}", "takes no parameter 'total'"),
        ("sweep: {baseline: {file: none.json}}", "none.json is no report of a sweep"),
        ("sweep: {where: {chunks: some}}", "hello.yaml:7:"),
    ],
)
def test_a_file_that_says_nonsense_is_five_with_its_place(
    place: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    assert sweep(place, f"{text}\n") == 5
    assert message in capsys.readouterr().err


def test_a_file_that_is_not_there_is_five(place: Path) -> None:
    assert main(["sweep", "missing.yaml"]) == 5


def test_a_recording_that_was_made_shorter_is_replayed_by_the_line_that_is_printed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--kinds", "reset-mid-stream", "--contract", "sweptapp.OtherError", "--invariants", "contract-exceptions")
    assert sweep(place, "", *words, "--shrunk-to", "shrunk") == 1
    told = capsys.readouterr().out
    (line,) = [line.strip() for line in told.splitlines() if "harness sweep shrunk/" in line]
    assert main(shlex.split(line)[1:]) == 1
    assert "contract-exceptions / reset-mid-stream" in capsys.readouterr().out


BOTH = """
import asyncio

async def ask(client, question):
    body = {"messages": [{"role": "user", "content": question}], "model": "gpt-x"}
    answer = await client.post("https://api.openai.com/v1/chat/completions", json=body)
    return answer.json()["choices"][0]["message"]["content"]

async def both(ctx):
    async with httpx.AsyncClient(verify=False, timeout=5) as client:
        asked = [ask(client, "How is the weather?"), ask(client, "What is the time?")]
        return [await done for done in asyncio.as_completed(asked)]
"""
CLOCK = """\
  - {id: clock, when: {user: {contains: time}}, reply: {text: It is noon.}}
"""


def test_calls_of_a_scenario_complete_in_other_orders_where_they_overlap(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "sweptapp.py").write_text(APP + BOTH)
    (place / "hello.yaml").write_text(HEAD.lstrip() + CLOCK)
    words = ["sweep", "hello.yaml", "--driver", "sweptapp:both", "--kinds", "order"]
    assert main(words) == 1
    told = capsys.readouterr().out
    assert "call=1-2   1-2 2-1" in told
    line = "harness sweep hello.yaml --driver sweptapp:both --case 'call=1-2/kind=order,as=2-1'"
    assert line in told
    assert main(shlex.split(line)[1:]) == 1
    assert "['It is noon.', 'It is warm today.']" in capsys.readouterr().out
    assert main([*words, "--invariants=-order-neutral"]) == 0


def test_orders_are_asked_for_and_left_out_by_a_word(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "sweptapp.py").write_text(APP + BOTH)
    (place / "hello.yaml").write_text(HEAD.lstrip() + CLOCK)
    words = ["sweep", "hello.yaml", "--driver", "sweptapp:both", "--kinds", "benign-split-1-byte order"]
    assert main([*words[:-1], "benign-split-1-byte", "--schedules"]) == 1
    assert "order-neutral" in capsys.readouterr().out
    assert main([*words, "--no-schedules"]) == 0
    assert "order" not in capsys.readouterr().out
    assert sweep(place, "", "--schedules") == 2
    assert "there is one call, so there is no order to change" in capsys.readouterr().err
