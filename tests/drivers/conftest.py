"""Two applications as their users would write them, on the path as if they were installed, and the model that their
cassettes were recorded from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent / "apps"))


@pytest.fixture
def live_url() -> str:
    """The base URL of the live model, where HARNESS_LIVE_OPENAI says it is."""
    url = os.environ.get("HARNESS_LIVE_OPENAI", "http://127.0.0.1:8801/v1")
    try:
        httpx.get(f"{url}/models", timeout=3).raise_for_status()
    except httpx.HTTPError as error:
        pytest.fail(f"-m live wants a model at {url}: {error}")
    return url
