"""The driver of the scenarios over a recording: the question of `cassettes/demo.yaml`, asked as it was then."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import openai

from harness.trials import Context


@lru_cache
def _client() -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(base_url="http://127.0.0.1:8801/v1", api_key="not needed", http_client=http, max_retries=0)


def clock_story(ctx: Context) -> Iterator[str]:
    question: Any = {"role": "user", "content": "Tell a very short story about a clock."}
    settings: Any = {"model": "smollm2-135m-instruct", "temperature": 0, "max_tokens": 64}
    for piece in _client().chat.completions.create(messages=[question], stream=True, **settings):
        yield piece.choices[0].delta.content or ""
