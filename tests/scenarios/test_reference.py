"""The reference of the language: every block of it loads, and it leaves no key out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.scenarios import compile_scenario, parse_scenario, schema

PAGE = Path(__file__).parents[2] / "scenarios" / "README.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\n")[0][:30])
def test_a_block_is_a_scenario(block: str) -> None:
    text = block if block.startswith("harness: 1") else f"harness: 1\nname: x\n{block}"
    scenario = parse_scenario(text, str(PAGE.with_name("block.yaml")))
    for name in scenario.names:
        assert compile_scenario(scenario, name)


def test_no_key_is_left_out() -> None:
    text = PAGE.read_text("utf-8")
    # Those of a sweep and of `expect` have a page of their own; an edit is known by its RFC.
    elsewhere = {"Sweep", "Where", "Budget", "Baseline", "KnownFailure", "Report", "Expect", "Between", "Length", "Gap"}
    elsewhere |= {"Tool", "Within", "Asked", "Edit"}
    missing = {
        f"{name}.{key}"
        for name, model in [*schema()["$defs"].items(), ("Scenario", schema())]
        if name not in elsewhere
        for key in _keys(model)
        if not re.search(rf"\b{re.escape(key)}\b", text)
    }
    assert missing == set()


def _keys(model: dict[str, Any]) -> set[str]:
    found = set(model.get("properties", ()))
    for part in model.get("anyOf", ()):
        found |= _keys(part)
    return found
