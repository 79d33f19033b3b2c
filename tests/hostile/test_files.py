"""Cassettes and scenarios come from pull requests: what a hostile one may try, and the sentence in which it ends."""

from __future__ import annotations

import gzip
import json
import sys
import tracemalloc
from pathlib import Path

import pytest

from harness.errors import CassetteError, ScenarioError
from harness.scenarios import parse_scenario
from harness.storage import load, parse

CANARY = "harness_was_here"
CODE = [
    f"!!python/object/apply:os.system ['touch {CANARY}']",
    f"!!python/object/new:subprocess.Popen [['touch', '{CANARY}']]",
    "!!python/name:os.system ''",
    "!!python/module:antigravity ''",
    f"!!python/object/apply:builtins.eval [\"open('{CANARY}', 'w')\"]",
    "!<tag:example.com,2026:thing> x",
    "!local x",
]
ITEM = (
    "interactions:\n- request: {{method: GET, uri: 'http://a/', body: {}, headers: {{}}}}\n"
    "  response: {{status: {{code: 200, message: OK}}, headers: {{}}, body: {{string: x}}}}\nversion: 1\n"
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("tag", CODE)
def test_no_tag_of_a_cassette_runs_or_imports_anything(tag: str, tmp_path: Path) -> None:
    before = set(sys.modules)
    with pytest.raises(CassetteError, match="the tag"):
        parse(ITEM.format(tag).encode())
    assert not (tmp_path / CANARY).exists()
    assert not {"antigravity"} & (set(sys.modules) - before)


@pytest.mark.parametrize("tag", CODE)
def test_no_tag_of_a_scenario_runs_or_imports_anything(tag: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError):
        parse_scenario(f"harness: 1\ncalls:\n- id: a\n  reply: {tag}\n")
    assert not (tmp_path / CANARY).exists()


def test_the_one_mapping_of_multidict_is_read_as_its_text_and_imports_nothing() -> None:
    istr = "? !!python/object/apply:multidict._multidict.istr [Content-Type]\n      : [a]"
    text = ITEM.format("x").replace("headers: {}", "headers:\n      " + istr, 1).replace("{method", "{method")
    text = (
        "interactions:\n- request:\n    method: GET\n    uri: http://a/\n    body: x\n    headers:\n      " + istr
        + "\n  response: {status: {code: 200, message: OK}, headers: {}, body: {string: x}}\nversion: 1\n"
    )  # fmt: skip
    before = "multidict._multidict" in sys.modules
    cassette = parse(text.encode())
    assert cassette.interactions[0].request.headers.get("content-type") == "a"
    assert ("multidict._multidict" in sys.modules) == before


def bomb(levels: int = 9, width: int = 9) -> str:
    rows = ["a0: &a0 [" + ", ".join(["lol"] * width) + "]"]
    rows += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * width) + "]" for n in range(1, levels)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"interactions: " + b"[" * 100_000, id="depth in flow style"),
        pytest.param(b"\n".join(b" " * n + b"a:" for n in range(3000)), id="depth in block style"),
        pytest.param(b'{"interactions": ' + b"[" * 100_000, id="depth in JSON"),
        pytest.param(b'{"interactions": ' + b'{"a":' * 100_000, id="depth in JSON mappings"),
        pytest.param((bomb() + "interactions: *a8\n").encode(), id="a billion laughs"),
        pytest.param(b"interactions: &a [*a]\n", id="an alias to itself"),
        pytest.param(gzip.compress(b"\0" * (257 << 20), 9), id="a gzip bomb"),
        pytest.param(b'{"version": ' + b"1" * 10_000 + b', "interactions": []}', id="a number of ten thousand digits"),
        pytest.param(b"version: " + b"1" * 10_000 + b"\ninteractions: 1\n", id="such a number in YAML"),
        pytest.param(b"{\0\0\0P\xff", id="JSON of a guessed encoding"),
    ],
)
def test_no_cassette_takes_the_memory_the_stack_or_the_day(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CassetteError):
            parse(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 700 << 20


def test_a_document_of_too_many_nodes_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage._yaml_read.NODES_MAX", 10_000)
    with pytest.raises(CassetteError, match="more than 10,000 nodes"):
        parse(b"interactions: [" + b"{}," * 20_000 + b"]")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("harness: " + "[" * 2000, id="depth"),
        pytest.param("harness: 1\n" + bomb() + "calls: *a8\n", id="a billion laughs"),
        pytest.param("harness: 1\ncalls: &a [*a]\n", id="an alias to itself"),
        pytest.param("harness: 1\ncalls:\n- reply: " + "x" * (2 << 20), id="size"),
        pytest.param("harness: " + "1" * 10_000, id="a number of ten thousand digits"),
    ],
)
def test_no_scenario_takes_the_memory_the_stack_or_the_day(text: str) -> None:
    with pytest.raises(ScenarioError):
        parse_scenario(text)


@pytest.mark.parametrize("word", ["body_file", "file", "include", "path", "source", "python", "module", "exec"])
def test_no_key_of_a_scenario_names_a_file_or_code(word: str) -> None:
    with pytest.raises(ScenarioError):
        parse_scenario(f"harness: 1\ncalls:\n- id: a\n  {word}: ../../../etc/passwd\n")
    with pytest.raises(ScenarioError):
        parse_scenario(f"harness: 1\ncalls:\n- id: a\n  reply: {{{word}: ../../../etc/passwd}}\n")


def test_no_key_of_a_cassette_names_a_file() -> None:
    for key in ("file", "body_file", "path"):
        text = ITEM.format("x").replace("{string: x}", f"{{{key}: /etc/passwd}}")
        with pytest.raises(CassetteError, match="string"):
            parse(text.encode())


def test_a_compressed_body_that_unpacks_to_too_much_is_refused() -> None:
    import base64

    packed = base64.b64encode(gzip.compress(b"\0" * (257 << 20), 9)).decode()
    item = {
        "request": {"method": "GET", "uri": "http://a/", "body": None, "headers": {}},
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"content-encoding": ["gzip"]},
            "body": {"base64_string": packed},
        },
    }
    try:
        cassette = parse(json.dumps({"version": 1, "interactions": [item]}).encode())
    except CassetteError:
        return
    assert len(cassette.interactions[0].timeline.body) <= 256 << 20


def test_a_folder_a_device_and_a_link_to_itself_are_errors_of_ours(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    for path in (tmp_path, tmp_path / "loop.yaml", Path("/dev/null")):
        with pytest.raises(CassetteError):
            load(path)
