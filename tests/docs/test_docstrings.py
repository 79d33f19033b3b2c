"""Every example in a docstring is executed."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WITH_EXAMPLES = [
    ".".join(source.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for source in sorted((ROOT / "harness").rglob("*.py"))
    if ">>> " in source.read_text("utf-8")
]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_a_module_hold(module: str) -> None:
    ran = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert ran.attempted
    assert not ran.failed
