"""Paths that are no chat: embeddings, lists of models and counts of tokens, answered by `json` and `raw`."""

from __future__ import annotations

from pathlib import Path

import anthropic
import openai
import pytest

import harness
from harness.errors import Miss
from tests.scenarios.playing import HEAD

BODY = """calls:
  - id: embed
    when: {path: {endswith: /embeddings}, body: {"$.input": {equals: hi}}}
    reply:
      json: {object: list, model: m, data: [{object: embedding, index: 0, embedding: [0.5, 1.0]}], usage: {prompt_tokens: 1, total_tokens: 1}}
  - id: count
    when: {path: {endswith: /count_tokens}}
    reply: {json: {input_tokens: 12}}
  - id: models
    when: {path: {endswith: /models}}
    reply: {raw: {body: {object: list, data: [{id: mine, object: model, created: 0, owned_by: me}]}}}
  - id: chat
    reply: {text: hello}
"""  # noqa: E501 - one answer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "x.yaml"
    file.write_text(HEAD + BODY)
    return file


def asked(client: openai.OpenAI) -> None:
    embedded = client.embeddings.create(model="m", input="hi", encoding_format="float")
    assert embedded.data[0].embedding == [0.5, 1.0]
    assert [model.id for model in client.models.list()] == ["mine"]
    chat = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert chat.choices[0].message.content == "hello"


def test_the_clients_ask_on_other_paths_in_the_process(file: Path) -> None:
    with harness.scenario(file), openai.OpenAI(api_key="k") as client, anthropic.Anthropic(api_key="k") as claude:
        asked(client)
        counted = claude.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
        assert counted.input_tokens == 12


def test_the_clients_ask_on_other_paths_over_a_socket(file: Path) -> None:
    with (
        harness.serve(file, unplayed="ignore") as server,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client,
    ):
        asked(client)


def test_another_input_is_a_miss_that_names_the_path_in_the_body(file: Path) -> None:
    with (
        pytest.raises(Miss, match=r"body\.\$\.input: \w+ equals 'hi', asked 'other'"),
        harness.scenario(file),
        openai.OpenAI(api_key="k", max_retries=0) as client,
    ):
        client.embeddings.create(model="m", input="other", encoding_format="float")
