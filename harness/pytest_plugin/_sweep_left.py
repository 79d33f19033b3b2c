"""Left: what a case leaves in this process when it was told. Nothing, so that the last of thousands finds what the
first one found: each looks for garbage, and at the tasks there are, and both take as long as there is something to see.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from harness.pytest_plugin._outcome import forget
from harness.pytest_plugin._swept import PROPERTY, SWEPT

_LAST: Final = ("last_exc", "last_type", "last_value", "last_traceback")
"""Where pytest keeps the last error of a test for a debugger, with its frames, until the next test begins."""


@contextmanager
def told_within(item: pytest.Item) -> Iterator[None]:
    """The block runs `item` and tells of it. Where that is a case, its garbage is looked for before the block ends, and
    what was there before is not looked at."""
    if SWEPT not in item.stash:
        yield
        return
    from harness.clock import old_set_apart  # noqa: PLC0415 - loads asyncio

    with old_set_apart():
        try:
            yield
        finally:
            let_go(item)


def let_go(item: pytest.Item) -> None:
    """`item` was run: what it ran in, and what came of that, is nobody's any more. The item itself stays in a list, and
    with it would stay its session, its exception with all frames, and the tasks of these."""
    item.stash[SWEPT].twin = None
    begin(item)
    forget(item)
    for name in _LAST:
        vars(sys).pop(name, None)
    _take_back(item)


def begin(item: pytest.Item) -> None:
    """`item` is about to be run, perhaps once more by a plugin that does not give up so soon: where it is a case, its
    fault strikes in the session of this run, and what an earlier one came to is not told again."""
    swept = item.stash.get(SWEPT, None)
    if swept is None:
        return
    swept.opening = swept.outcome = swept.arrived = None
    swept.trace = swept.leaks = ()
    swept.awaits.clear()
    item.user_properties[:] = [one for one in item.user_properties if one[0] != PROPERTY]


def _take_back(item: pytest.Item) -> None:
    """What `item` asked of fixtures of a wider scope: each of them keeps everyone's requests, to end those first, and
    these have ended. They are the last ones there."""
    for known in getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).values():
        for fixture in known:
            endings = getattr(fixture, "_finalizers", [])
            first = len(endings)
            while first and _asked_by(endings[first - 1]) is item:
                first -= 1
            endings[first:] = [one for one in endings[first:] if one.keywords["request"].scope != "function"]


def _asked_by(ending: Any) -> Any:
    return getattr(getattr(ending, "keywords", {}).get("request"), "_pyfuncitem", None)
