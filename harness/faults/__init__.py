"""What can go wrong between a driver and a model: pure functions from Timeline to Timeline, each with a public name.

The catalogue is `KNOWN`; `get` takes a name or an alias, and `check` says what is wrong with the parameters of one
before anything is played.
"""

from harness.faults._armed import Armed, FaultOverlay, Lookup, strike_anywhere
from harness.faults._breaking import RESET
from harness.faults._catalogue import ALIASES, KNOWN, get
from harness.faults._check import check, check_dialect, check_point, stands_alone
from harness.faults._cutting import edited
from harness.faults._fault import FaultPhase, NoPlaceError
from harness.faults._places import natural_site, sites_of, token_chunks, types_of
from harness.faults._promises import FAULT_PROMISES, broken_promises
from harness.faults._spelling import manner_of

__all__ = [
    "ALIASES",
    "FAULT_PROMISES",
    "KNOWN",
    "RESET",
    "Armed",
    "FaultOverlay",
    "FaultPhase",
    "Lookup",
    "NoPlaceError",
    "broken_promises",
    "check",
    "check_dialect",
    "check_point",
    "edited",
    "get",
    "manner_of",
    "natural_site",
    "sites_of",
    "stands_alone",
    "strike_anywhere",
    "token_chunks",
    "types_of",
]
