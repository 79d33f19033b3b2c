"""A scenario is made from every recording of other projects, and says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.dialects import decode
from harness.errors import CassetteError
from harness.model import Interaction
from harness.scenarios import compile_scenario, drafted, parse_scenario
from harness.spec import Found
from harness.storage import load

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILES = sorted(p for p in CORPUS.rglob("*.y*ml")) if CORPUS.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason=f"the corpus is not beside this repository: {CORPUS.name} is missing")
SAID = ("text", "thinking", "refusal", "tool_calls", "finish", "native_finish", "usage", "problem")


def meaning(one: Interaction) -> Any:
    reply = decode(one.request, one.timeline)
    if reply is not None:
        return {name: getattr(reply, name) for name in SAID}
    try:
        return json.loads(one.timeline.body)
    except ValueError:
        return one.timeline.body


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:60])
def test_a_draft_of_somebody_s_recording_says_the_same_or_a_comment_says_what_not(path: Path) -> None:
    try:
        cassette = load(path)
    except CassetteError:  # test_corpus_loads says which, and why
        return
    text = drafted(cassette, path.stem)
    source = compile_scenario(parse_scenario(text))
    for one in cassette:
        found = source.find(one.request)
        if not isinstance(found, Found):
            assert f"# {one.id}" in text
            assert "# a scenario cannot answer this" in text
        elif meaning(found.interaction) != meaning(one):
            assert "bytes are no text" in text
