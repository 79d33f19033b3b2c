"""Verbs, sans-I/O: the engine decides what happens next and never waits; a clock waits, a sink delivers."""

from harness.engine._cancel import VIAS, Cancel, Struck, cancel_of
from harness.engine._cassette_source import CassetteSource
from harness.engine._engine import REPLAY, Engine
from harness.engine._exchange import Due, Exchange, Watcher
from harness.engine._history import Entry, History, Note
from harness.engine._mode import Mode, Rights, rights
from harness.engine._play import aplay, play, rushed_in_task
from harness.engine._reached import Reached, reached
from harness.engine._take import Live, Take

__all__ = [
    "REPLAY",
    "VIAS",
    "Cancel",
    "CassetteSource",
    "Due",
    "Engine",
    "Entry",
    "Exchange",
    "History",
    "Live",
    "Mode",
    "Note",
    "Reached",
    "Rights",
    "Struck",
    "Take",
    "Watcher",
    "aplay",
    "cancel_of",
    "play",
    "reached",
    "rights",
    "rushed_in_task",
]
