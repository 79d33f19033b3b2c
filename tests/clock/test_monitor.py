"""Who is taken for stuck: a holder that does nothing while real time passes, and nobody else."""

from __future__ import annotations

import _thread
import sys
from typing import Any

import pytest

from harness.clock import _monitor
from harness.clock._agenda import Agenda
from harness.clock._baton import Baton
from harness.model import Nanos, seconds


class Holder(Baton):
    """A baton that is held, and remembers when it was taken away."""

    def __init__(self) -> None:
        super().__init__(Agenda(seconds(60)))
        self.taken = 0
        self.open()

    def push_outside(self, ident: int, turns: int) -> bool:
        del ident, turns
        self.taken += 1
        return True


def looks(monkeypatch: pytest.MonkeyPatch, apart_s: float, times: int, **seen: Any) -> int:
    """How often the baton is taken away in `times` looks, so far apart, at a holder that did no work."""
    now = [Nanos(0)]
    monkeypatch.setattr(_monitor, "real_now", lambda: now[0])
    monkeypatch.setattr(_monitor, "_work_s", lambda _baton: 0.0)
    monkeypatch.setattr(_monitor, "_could_run", lambda _ident: seen.get("could_run", False))
    baton, last = Holder(), _monitor._Look()
    for _ in range(times):
        last = _monitor.look(baton, last)
        now[0] = Nanos(now[0] + seconds(apart_s))
    return baton.taken


def test_who_does_nothing_for_a_tenth_of_a_second_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, 0.01, 11) == 0
    assert looks(monkeypatch, 0.01, 13) == 1


def test_a_look_that_comes_late_itself_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, 0.5, 5) == 0


def test_who_could_run_is_not_stuck_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, 0.01, 90, could_run=True) == 0
    assert looks(monkeypatch, 0.01, 110, could_run=True) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system does not tell")
def test_the_thread_that_asks_could_run() -> None:
    assert _monitor._could_run(_thread.get_ident())
    assert not _monitor._could_run(-1)
