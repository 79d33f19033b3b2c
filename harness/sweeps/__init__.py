"""The sweep: every fault at every place, and what the code around the model does then.

Called `sweeps` and not `sweep`, as `scenarios` is: a room of that name would take the place of `harness.sweep`, the
function, the moment it is imported.
"""

from harness.sweeps._around import unnumbered
from harness.sweeps._as_json import case_json
from harness.sweeps._chain import let_go, stuck_in
from harness.sweeps._checkers import INVARIANTS, checkers
from harness.sweeps._contexts import one_tls_context
from harness.sweeps._covered import Covered, covered, joined_lines
from harness.sweeps._dice import same_dice
from harness.sweeps._extent import Extent
from harness.sweeps._heat import heat_map
from harness.sweeps._joined import about, broken, joined
from harness.sweeps._junit import github, junit
from harness.sweeps._kinds import chosen
from harness.sweeps._known import Known, known_failures
from harness.sweeps._learnt import Learnt
from harness.sweeps._lines import Lines, Reached, require_coverage
from harness.sweeps._outcome import Outcome, Pressed, Terms
from harness.sweeps._page import page
from harness.sweeps._report import CaseReport, Failure, SweepReport
from harness.sweeps._said import read_case, read_dice, read_terms
from harness.sweeps._schedule import Schedule
from harness.sweeps._shrink import size_of
from harness.sweeps._single import broken_promises, outcome_of
from harness.sweeps._stage import Opening, Stage, Subject, lay
from harness.sweeps._steps import Steps
from harness.sweeps._sweep import Sweep, sweep
from harness.sweeps._tiers import Tier
from harness.sweeps._verdict import Checker, Verdict, Violation

__all__ = [
    "INVARIANTS",
    "CaseReport",
    "Checker",
    "Covered",
    "Extent",
    "Failure",
    "Known",
    "Learnt",
    "Lines",
    "Opening",
    "Outcome",
    "Pressed",
    "Reached",
    "Schedule",
    "Stage",
    "Steps",
    "Subject",
    "Sweep",
    "SweepReport",
    "Terms",
    "Tier",
    "Verdict",
    "Violation",
    "about",
    "broken",
    "broken_promises",
    "case_json",
    "checkers",
    "chosen",
    "covered",
    "github",
    "heat_map",
    "joined",
    "joined_lines",
    "junit",
    "known_failures",
    "lay",
    "let_go",
    "one_tls_context",
    "outcome_of",
    "page",
    "read_case",
    "read_dice",
    "read_terms",
    "require_coverage",
    "same_dice",
    "size_of",
    "stuck_in",
    "sweep",
    "unnumbered",
]
