"""A scenario in text, asked directly: what the tests of its features share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.dialects import decode, get, native_request
from harness.errors import ScenarioError
from harness.model import Message, Prompt, Reply, Request, Timeline
from harness.scenarios import ScenarioSource, compile_scenario, parse_scenario
from harness.spec import Found, Mismatch

HEAD = "harness: 1\nname: x\n"
OPENAI = "https://api.openai.com/v1"


def source(
    body: str, case: str | None = None, predicates: Mapping[str, Callable[[Prompt], bool]] | None = None
) -> ScenarioSource:
    """The scenario with that body, ready to be asked."""
    return compile_scenario(parse_scenario(HEAD + body), case, predicates)


def mistakes(body: str, folder: Path | None = None) -> list[str]:
    """`line:column: message` of each mistake; the two lines of the head count."""
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(HEAD + body, str(folder / "x.yaml") if folder else "<text>")
    return [f"{place.line}:{place.column}: {place.message}" for place in raised.value.places]


def only(body: str, folder: Path | None = None) -> str:
    """The one mistake."""
    found = mistakes(body, folder)
    assert len(found) == 1, found
    return found[0]


def asked(text: str | Prompt = "hi", *, dialect: str = "native", **fields: object) -> Request:
    """A request in `dialect`; `fields` are those of the prompt."""
    prompt = text if isinstance(text, Prompt) else Prompt((Message("user", text),), "m", **fields)  # type: ignore[arg-type]
    return native_request("complete", prompt) if dialect == "native" else get(dialect).encode(prompt, OPENAI)


def played(answered: Found | Mismatch) -> Timeline:
    """The answer as it comes."""
    assert isinstance(answered, Found), answered
    return answered.interaction.timeline


def heard(answered: Found | Mismatch) -> Reply:
    """The answer as it is understood."""
    assert isinstance(answered, Found), answered
    reply = decode(answered.interaction.request, answered.interaction.timeline)
    assert reply is not None
    return reply


def missed(answered: Found | Mismatch) -> Mismatch:
    """Why there is none."""
    assert isinstance(answered, Mismatch), answered
    return answered
