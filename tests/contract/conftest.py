"""What a planted backend is tried with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import harness
from harness.backends import ReplayBackend
from harness.errors import PromiseBrokenError
from harness.testing import Script, check_backend


@pytest.fixture(scope="session")
def broken_by() -> Callable[[type[ReplayBackend]], dict[str, str]]:
    """The ids of the promises that a backend breaks, each with its line of the report."""

    def tried(cls: type[ReplayBackend]) -> dict[str, str]:
        @contextmanager
        def make(script: Script) -> Iterator[Any]:
            with harness.replay(script.source()) as session:
                session.available = (script.available,)
                yield cls(session, timeout=5.0)

        try:
            check_backend(make)
        except PromiseBrokenError as error:
            lines = [line for line in str(error).splitlines() if ": broken, " in line]
            return {line.split(":")[0].removeprefix("promise "): line for line in lines}
        return {}

    return tried
