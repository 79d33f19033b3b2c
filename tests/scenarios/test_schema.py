"""The schema that editors use, in the eyes of somebody else's validator: it says what the loader says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from harness.scenarios import schema
from tests.scenarios import test_examples as examples
from tests.scenarios.test_reference import BLOCKS

SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
SCHEMA = Draft202012Validator(schema())


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


def read(text: str) -> object:
    """As editors read it; dates are texts in JSON."""
    head = "" if text.lstrip("# ").startswith(("yaml-language", "harness: 1")) else "harness: 1\nname: x\n"
    return json.loads(json.dumps(yaml.load(head + text, _Loader)))


class _Loader(yaml.SafeLoader):
    """Without dates, as YAML 1.2 has none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, found) for tag, found in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize(
    "text",
    [
        examples.GREETING,
        examples.WEATHER,
        examples.LIMITS,
        examples.MATRIX,
        *BLOCKS,
        *(path.read_text("utf-8") for path in SHIPPED),
    ],
)
def test_what_the_loader_takes_is_valid(text: str) -> None:
    assert [error.message for error in SCHEMA.iter_errors(read(text))] == []


@pytest.mark.parametrize(
    "body",
    [
        "calls: [{id: a, when: {usr: hi}, reply: {text: x}}]",
        "calls: [{id: a, when: {user: {contians: hi}}, reply: {text: x}}]",
        "calls: [{id: a, when: {user: {}}, reply: {text: x}}]",
        "calls: [{id: a, when: {user: }, reply: {text: x}}]",
        "calls: [{id: a, when: {turn: 0}, reply: {text: x}}]",
        "calls: [{id: A, reply: {text: x}}]",
        "calls: [{id: a, reply: {text: x, finish: stopp}}]",
        "calls: [{id: a, reply: {text: x, delivery: {chunk: 'bytes:0'}}}]",
        "calls: [{id: a, reply: {text: x, timing: {ttft: soon}}}]",
        "calls: [{id: a, reply: {text: x, timing: {ttft: {uniform: [1s]}}}}]",
        "calls: [{id: a, reply: {blocks: [{image: x}]}}]",
        "calls: [{id: a, reply: {text: x}}]\nunmatched: eror",
        "calls: [{id: a, reply: {text: x}}]\noverlay: [{at: call=1, patch: [{op: replac, path: /a}]}]",
        "calls: [{id: a, reply: {text: x}}]\nreport: {htm: x}",
        "calls: [{id: a, reply: {text: x}}]\ncassette: {fle: x}",
        "calls: [{id: a, when: {stream: '${STREAM}'}, reply: {text: x}}]",
    ],
)
def test_what_the_loader_refuses_is_not(body: str) -> None:
    assert list(SCHEMA.iter_errors(read(body)))
