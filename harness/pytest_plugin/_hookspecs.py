"""Hooks: what a conftest or another plugin may say to this one. Every name is prefixed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def pytest_harness_redact(config: pytest.Config) -> Iterable[object] | None:
    """Further secrets that no recording may hold: entries as in `redact` of `[tool.harness]`.

    An entry is a regular expression, or a mapping of `name` and one or more of `regex`, `header`, `query` and `field`.
    Implemented in a conftest.py it is for the tests below that; in a plugin, for all. What several implementations
    return adds up, together with the configuration, the fixture `harness_config` and the marker.
    """


def pytest_harness_allow(config: pytest.Config) -> Iterable[object] | None:
    """What looks like a secret and is none: regular expressions as in `allow` of `[tool.harness]`. They add up too."""
