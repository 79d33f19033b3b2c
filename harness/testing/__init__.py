"""For your own implementations: the contract as a test suite, from any test runner."""

from harness.testing._bench import MakeBackend
from harness.testing._check import PROMISES, Report, check_backend
from harness.testing._check_dialect import check_dialect
from harness.testing._check_fault import check_fault
from harness.testing._machine import fault_machine
from harness.testing._peer import Peer, loopback
from harness.testing._promise import Promise
from harness.testing._script import Act, CannotPlayError, Script, ScriptSource

__all__ = [
    "PROMISES",
    "Act",
    "CannotPlayError",
    "MakeBackend",
    "Peer",
    "Promise",
    "Report",
    "Script",
    "ScriptSource",
    "check_backend",
    "check_dialect",
    "check_fault",
    "fault_machine",
    "loopback",
]
