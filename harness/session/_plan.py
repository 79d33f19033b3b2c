"""What a session is to do, decided by the verbs of the front door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.engine import Rights
from harness.matching import Rules
from harness.recorder import Recorder
from harness.session._verify import Unplayed
from harness.spec import Overlay, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a session is to do. `answers` counts what the source holds, `available` are the recorded health answers.

    `cancels` are places at which cancel is pressed, each with its way; with `ignores_cancel` the backends go on all the
    same. `overlay` is laid over every answer, and `unstruck` tells at the end which faults of the source itself never
    struck. `start` is the date on which a virtual clock begins, and `horizon_s` how many seconds it may run; None
    leaves it as it is.
    """

    source: Source
    title: str
    rules: Rules
    rights: Rights
    answers: int
    recorder: Recorder | None = None
    unplayed: Unplayed = "fail"
    hint: str = ""
    allowed_hosts: tuple[str, ...] = ()
    ignored_hosts: tuple[str, ...] = ()
    intercepts: bool = True
    available: tuple[bool, ...] = ()
    cancels: tuple[tuple[str, str], ...] = ()
    ignores_cancel: bool = False
    overlay: Overlay | None = None
    unstruck: Callable[[], Sequence[str]] = tuple
    start: datetime | None = None
    horizon_s: float | None = None
