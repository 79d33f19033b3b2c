"""A picture in a scenario: in its place among the blocks, read by the clients whose wires have one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from google import genai

import harness
from harness.errors import ScenarioError
from harness.model import Image, Unknown
from harness.scenarios import load_scenario
from harness.spec import Mismatch
from tests.scenarios.playing import asked, heard, only, source

PICTURE = b"\x89PNG\r\n\x1a\n and what is in it"
DATA = b64encode(PICTURE).decode()
BODY = (
    "calls:\n  - id: drawn\n    reply:\n      blocks:\n        - text: 'Here it is: '\n"
    "        - image: {image}\n        - text: 'a cat.'\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "cat.png").write_bytes(PICTURE)
    file = tmp_path / "x.yaml"
    file.write_text("harness: 1\nname: x\n" + BODY.format(image="cat.png"))
    return file


def gemini(*, stream: bool) -> tuple[str, list[bytes], list[str]]:
    """The text, the pictures and their media types, as Google's own client reads them."""
    with genai.Client(api_key="test") as client:
        options: dict[str, Any] = {"model": "gemini-2.5-flash-image", "contents": "draw"}
        made = (
            client.models.generate_content_stream(**options) if stream else [client.models.generate_content(**options)]
        )
        parts = [part for answer in made for part in _parts(answer)]
    drawn = [part.inline_data for part in parts if part.inline_data]
    return "".join(part.text or "" for part in parts), [one.data for one in drawn], [one.mime_type for one in drawn]


def _parts(answer: Any) -> Iterator[Any]:
    for candidate in answer.candidates or ():
        yield from (candidate.content and candidate.content.parts) or ()


def responses(*, stream: bool) -> tuple[str, list[str], list[str]]:
    """The text, the pictures and the kinds of the items in their order, as OpenAI's own client reads them."""
    with openai.OpenAI(api_key="test") as client:
        if stream:
            with client.responses.stream(model="gpt-5", input="draw") as events:
                final: Any = events.get_final_response()
        else:
            final = client.responses.create(model="gpt-5", input="draw")
    drawn = [item.result for item in final.output if item.type == "image_generation_call"]
    return final.output_text, drawn, [item.type for item in final.output]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_official_clients_read_the_picture_in_its_place(path: Path, stream: bool) -> None:
    with harness.scenario(path):
        assert gemini(stream=stream) == ("Here it is: a cat.", [PICTURE], ["image/png"])
        kinds = ["message", "image_generation_call", "message"]
        assert responses(stream=stream) == ("Here it is: a cat.", [DATA], kinds)


@pytest.mark.parametrize("dialect", ["gemini", "openai-responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_data_url_is_said_as_it_stands(dialect: str, stream: bool) -> None:
    here = source(BODY.format(image=f"data:image/webp;base64,{DATA}"))
    reply = heard(here.find(asked("draw", dialect=dialect, stream=stream)))
    assert (reply.text, reply.images) == ("Here it is: a cat.", (Image("image/webp", DATA),))


@pytest.mark.parametrize(
    "dialect", ["native", "anthropic", "openai-chat", "openai-completions", "ollama", "bedrock-converse", "cohere"]
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_wire_without_pictures_says_so_and_does_not_leave_it_out(dialect: str, stream: bool) -> None:
    found = source(BODY.format(image=f"data:image/png;base64,{DATA}")).find(asked(dialect=dialect, stream=stream))
    assert isinstance(found, Mismatch)
    assert f"{dialect} has no form for an image; gemini and openai-responses have one" in found.reason


@pytest.mark.parametrize(
    "image",
    ["cat", "cat.txt", "data:image/png;base64,***", "data:text/plain;base64,aGk=", "data:image/png;base64,a", "7"],
)
def test_what_is_no_picture_is_refused_at_its_line(image: str) -> None:
    found = only(BODY.format(image=f"'{image}'"))
    assert found.startswith("8:18: ")
    assert f"found '{image}', allowed is a file of this project (.png, " in found


def test_a_picture_is_a_file_of_the_project_and_no_other(path: Path) -> None:
    (path.parent.parent / "secret.png").write_bytes(b"s")
    for name, said in (
        ("../secret.png", "'../secret.png' lies outside of the project"),
        ("dog.png", "there is no file 'dog.png', neither beside the scenario nor at the project's root"),
    ):
        path.write_text("harness: 1\nname: x\n" + BODY.format(image=name))
        with pytest.raises(ScenarioError, match=said):
            load_scenario(path)


def test_a_generation_that_made_no_picture_is_none() -> None:
    body = '{"object": "response", "status": "completed", "output": [{"type": "image_generation_call", "id": "a"}]}'
    raw = f"{{body: '{body}', headers: {{content-type: application/json}}}}"
    reply = heard(source(f"calls: [{{id: a, reply: {{raw: {raw}}}}}]").find(asked(dialect="openai-responses")))
    assert reply.images == ()
    assert [delta.event for delta in reply.deltas if isinstance(delta, Unknown)] == ["image_generation_call"]
