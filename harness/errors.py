"""Every exception of the house, sorted by who has to act.

Each message says what happened, what we know, and what to type next.
`Miss` is a BaseException on purpose: the retry loops of the providers' SDKs catch Exception, and a miss that they retry
comes out seconds later as "Connection error." (measured with vcrpy under the anthropic SDK: 1.3 s, two more attempts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

_SAME: Final = {"real": "wall", "system": "wall", "fake": "virtual", "new": "new_episodes"}
"""What other tools call it: no letters of it are near."""


class HarnessError(Exception):
    """Base of everything that we raise as an Exception."""


# --- the author of the test has to act -----------------------------------------------------------------------------


class Miss(BaseException):
    """Something was asked that the source cannot answer. Never a network call, never an old answer."""


class Silence(Miss):
    """An answer stopped without an end, and nothing in the asking code would ever end the wait."""


class VerificationError(HarnessError):
    """The session ended and something that was promised did not happen. The message lists all of it."""


class UnplayedError(VerificationError):
    """Recorded interactions were never asked for."""


class NothingInterceptedError(VerificationError):
    """A test meant to replay, and no request came by: it does not test what it says."""


class FaultNotStruckError(VerificationError):
    """An armed fault found no place to strike: the test would have passed for the wrong reason."""


class NetworkRefusedError(HarnessError, ConnectionRefusedError):
    """A real connection was about to leave while a replay is open. A ConnectionRefusedError too, so that the code that
    tried it takes the path it knows; the session remembers it and fails the test."""


class SessionError(HarnessError):
    """A session was used in a way that has no meaning: closed already, two markers on one test, no event to cancel."""


class VirtualDeadlockError(HarnessError):
    """Everybody waits and nothing is due: on a real clock this would hang for ever."""


class HorizonExceededError(HarnessError):
    """Virtual time went past the horizon: this would have taken longer than anyone waits."""


class VirtualTimeError(HarnessError):
    """Virtual time was asked for where it cannot be had: uvloop, a foreign loop that already runs."""


class RealTimeOver(BaseException):
    """A case of a sweep went on and on in real time, where its clock cannot see it: a loop that never waits, a wait in
    C code. The sweep raised this in its threads to end it. Never an Exception: what hangs often catches those."""


class SweepError(HarnessError):
    """A sweep cannot say anything: what it is to break fails by itself, is not the same twice, or has no place to
    break. Nothing was judged."""


class SubjectFailsError(SweepError):
    """The code under the sweep fails without any fault."""


class NotDeterministicError(SweepError):
    """The code under the sweep does another thing each time. The message shows the first difference."""


class NoSitesError(SweepError):
    """Nothing was asked, or nothing that the chosen faults can strike."""


class UnknownKindError(SweepError, ValueError):
    """No fault, and no group of faults, is called this."""


class UnknownCheckerError(SweepError, ValueError):
    """No checker is called this."""


class ConfigurationError(HarnessError):
    """`[tool.harness]` cannot be meant as it stands. The message names the file and the entry."""


# --- the author of the file has to act -----------------------------------------------------------------------------


class CassetteError(HarnessError):
    """A cassette cannot be used as it is. It is never overwritten and never treated as empty."""


class CassetteNotFoundError(CassetteError, FileNotFoundError):
    """There is no cassette where one is needed. The message names the path and the command that records it."""


class CassetteWriteError(CassetteError, OSError):
    """A cassette could not be written. What was there before is intact."""


class CassetteChangedError(CassetteWriteError):
    """A cassette was changed on disk while it was being recorded. It stands; what was recorded is elsewhere."""


class DialectError(HarnessError):
    """Bytes are not what their dialect says. Carries the place in the message."""


class UnknownDialectError(DialectError):
    """No dialect has this name, or none recognises this request."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: line and column count from one, as editors do."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ScenarioError(HarnessError):
    """A scenario has mistakes: all of them, each with its place."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        count = len(self.places)
        title = "1 mistake" if count == 1 else f"{count} mistakes"
        super().__init__("\n".join([f"{title} in the scenario", *(f"  {place}" for place in self.places)]))


class SecretFoundError(HarnessError):
    """Something key-shaped would have reached the disk. Nothing was written."""


# --- the author of a plugin, a contract or a backend has to act ----------------------------------------------------


class PluginError(HarnessError):
    """A plugin does not fit its socket."""


class ContractMisfitError(HarnessError, TypeError):
    """A contract cannot be spoken: every misfit is named at once."""


class PromiseBrokenError(HarnessError, AssertionError):
    """A backend, a fault or a dialect breaks its promises: each with its id and what was seen."""


class MissingExtraError(HarnessError, ImportError):
    """An optional package is needed for this. The message has the command that installs it."""


def nearest(value: object, known: Sequence[str]) -> str:
    """The end of a message that asks for the one of `known` that was meant; empty where none is near."""
    word = _SAME.get(str(value), str(value))
    near = [word] if word in known else get_close_matches(str(value), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
