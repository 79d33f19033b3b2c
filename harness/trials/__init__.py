"""Playing a scenario against the driver that it names, and judging what came of it.

A scenario from somebody else names code with `driver: package.module:name`. It is imported here and nowhere else: by
`harness run`, by `harness sweep` and by pytest for the files that it collects, as all of them would import any other
code of the project.
Loading, checking and serving a scenario import nothing; `why_absent` says what looking at files can tell.
"""

from harness.trials._absent import why_absent
from harness.trials._context import Context
from harness.trials._driver import DriverError, driver_of
from harness.trials._swept import scenario_at, sweep_file
from harness.trials._trial import Trial, case_ids, play

__all__ = [
    "Context",
    "DriverError",
    "Trial",
    "case_ids",
    "driver_of",
    "play",
    "scenario_at",
    "sweep_file",
    "why_absent",
]
