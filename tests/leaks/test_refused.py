"""What looks like a secret and no rule knows is refused before anything is written."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

import httpx
import pytest

import harness
from harness.cli import main
from harness.errors import SecretFoundError
from harness.matching import Rules, suspects
from harness.model import Cassette, Head, Headers, Interaction, Request, Reset, Timeline
from harness.storage import save

DICE = random.Random(7)
UNKNOWN = "Zq7" + "".join(DICE.choice(string.ascii_letters + string.digits) for _ in range(37))
HEX = "".join(DICE.choice("0123456789abcdef") for _ in range(32))
URL = "https://api.example.com/v1/chat/completions"
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def _answer(said: object) -> httpx.Response:
    """Read piece by piece, as from a wire."""
    return httpx.Response(200, headers={"content-type": "application/json"}, content=iter([json.dumps(said).encode()]))


def _record(path: Path, body: dict[str, object], answer: dict[str, object], **options: object) -> None:
    upstream = httpx.MockTransport(lambda _: _answer(answer))
    with harness.record(path, **options) as session:  # type: ignore[arg-type]
        from harness.transports import transport

        with httpx.Client(transport=transport(session, httpx, upstream)) as client:
            client.post(URL, json=body)


@pytest.mark.parametrize(
    "body, answer, place",
    [
        ({"note": f"use {UNKNOWN}"}, {}, "request body, $.note"),
        ({}, {"choices": [{"message": {"content": UNKNOWN}}]}, "response body, $.choices[0].message.content"),
        ({"api_token_of_ours": {"secret": HEX}}, {}, "request body, $.api_token_of_ours.secret"),
        ({}, {"text": f"INTERNAL_API_KEY={HEX}"}, "response body, $.text"),
    ],
)
def test_a_suspicious_string_is_refused_with_number_and_path_and_leaves_no_file(
    tmp_path: Path, body: dict[str, object], answer: dict[str, object], place: str
) -> None:
    with pytest.raises(SecretFoundError) as refused:
        _record(tmp_path / "a.yaml", body, answer)
    assert f"interaction #1, {place}: " in str(refused.value)
    assert UNKNOWN not in str(refused.value)
    assert HEX not in str(refused.value)
    assert list(tmp_path.rglob("*")) == [], "neither a cassette nor a journal"


def test_the_cassette_that_was_there_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    _record(path, {"n": 1}, {"ok": True})
    before = path.read_bytes()
    with pytest.raises(SecretFoundError, match="interaction #2"):
        _record(path, {"n": UNKNOWN}, {"ok": True}, mode="new_episodes", unplayed="ignore")
    assert path.read_bytes() == before


def test_a_rule_or_an_allowance_lets_it_pass(tmp_path: Path) -> None:
    _record(tmp_path / "rule.yaml", {"n": UNKNOWN}, {}, redact=[{"name": "ours", "regex": "Zq7[A-Za-z0-9]+"}])
    assert "REDACTED-ours" in (tmp_path / "rule.yaml").read_text()
    _record(tmp_path / "allowed.yaml", {"n": UNKNOWN}, {}, allow=["Zq7[A-Za-z0-9]{37}"])
    assert UNKNOWN in (tmp_path / "allowed.yaml").read_text()


def test_a_test_that_failed_anyway_fails_for_its_own_reason(tmp_path: Path) -> None:
    def fail() -> None:
        upstream = httpx.MockTransport(lambda _: _answer({"n": UNKNOWN}))
        with harness.record(tmp_path / "a.yaml") as session:
            with httpx.Client(transport=session.transport(httpx)) as client:
                client._transport._inner = upstream
                client.post(URL, json={})
            raise KeyError(UNKNOWN[:3])

    with pytest.raises(KeyError, match="Zq7") as error:
        fail()
    assert any("looks like a secret" in note for note in error.value.__notes__)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    "harmless",
    [
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "550e8400-e29b-41d4-a716-446655440000",
        "chatcmpl-BX2kQ9vL0aYt3nP8rE5uW7dF1", "toolu_01A09q90qw90lq917835lq9", "call_Xk3fP9aQ2bR7tY1uW8vE5cL0",
        "claude-3-5-sonnet-20241022", "getWeatherForCityV2Response2024Final", "iVBORw0KGgoAAAANSUhEUg" * 40,
        "https://example.com/d/1A2b3C4d5E6f7G8h9I0jKlMnOpQrStUv/view", "2024-05-13T12:34:56.789012Z",
        "us-east-1.anthropic.claude-3-haiku-20240307-v1", "The quick brown fox. " * 10, "MAX_TOKENS=4096",
        "sha256-2jmj7l5rSw0yVb", "0.84442185152504812345678901",
    ],
)  # fmt: skip
def test_what_providers_write_is_no_alarm(harmless: str) -> None:
    answer = json.dumps({"choices": [{"message": {"content": harmless}}]}).encode()
    one = Interaction(Request("POST", URL, body=answer), Timeline.of(Head(200), [answer]))
    assert suspects(one, Rules()) == ()


def test_an_error_message_and_a_header_are_looked_at() -> None:
    broken = Timeline(
        ((0, Head(200, Headers.of([("x-vendor-note", UNKNOWN)]))), (1, Reset("ReadError", f"at {UNKNOWN}")))
    )  # type: ignore[arg-type]
    found = suspects(Interaction(Request("GET", f"{URL}?note={UNKNOWN}"), broken), Rules())
    assert [leak.place for leak in found] == ["request url, parameter note", "header x-vendor-note", "error message"]


def test_scrub_and_check_tell_what_is_left_by_exit_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    body = json.dumps({"n": UNKNOWN, "password": "hunter2"}).encode()
    save(path, Cassette((Interaction(Request("POST", URL, body=body), Timeline.of(Head(200), [b"{}"])),)))
    assert main(["check", str(path)]) == 4
    assert main(["scrub", str(path)]) == 4
    assert "hunter2" not in path.read_text()
    assert "interaction #1, request body, $.n" in capsys.readouterr().out
    (tmp_path / "pyproject.toml").write_text(f'[tool.harness]\nallow = ["{UNKNOWN}"]\n')
    assert main(["scrub", str(path)]) == 0
    assert main(["scrub", "--json", str(path)]) == 0


def test_configuration_that_cannot_be_meant_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.harness]\nallow = ["("]\n')
    save(tmp_path / "a.yaml", Cassette(()))
    assert main(["scrub", str(tmp_path / "a.yaml")]) == 2
    assert "allow: '('" in capsys.readouterr().err


def test_the_recordings_of_others_raise_next_to_no_alarm() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not here")
    from harness.errors import CassetteError
    from harness.storage import load

    rules, seen, alarmed = Rules(), 0, 0
    for path in sorted(CORPUS.rglob("*")):
        if path.name.endswith((".yaml", ".yml", ".json", ".gz")):
            try:
                cassette = load(path)
            except CassetteError:
                continue
            for one in cassette:
                seen += 1
                alarmed += bool(suspects(rules.redaction.interaction(one), rules))
    assert seen >= 150
    assert alarmed <= seen // 100, f"{alarmed} of {seen}"
