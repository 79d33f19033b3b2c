"""YAML -> Source.

The room is called `scenarios` and not `scenario`, because `harness.scenario` is the verb of the front door.
Importing a submodule of that name would put the module in its place.
"""

from harness.scenarios._calm import armed, calm_source
from harness.scenarios._compile import compile_scenario, function_source
from harness.scenarios._drafted import drafted
from harness.scenarios._expect import Expect
from harness.scenarios._filling import escaped
from harness.scenarios._judging import Observed, Unmet, judged, looks_for_leaks, needs_second_run
from harness.scenarios._load import is_scenario, load_scenario, parse_scenario, place_in
from harness.scenarios._question import Predicate
from harness.scenarios._scenario import Scenario
from harness.scenarios._schema import schema, schema_text
from harness.scenarios._source import ScenarioSource
from harness.scenarios._sweep_keys import Report

__all__ = [
    "Expect",
    "Observed",
    "Predicate",
    "Report",
    "Scenario",
    "ScenarioSource",
    "Unmet",
    "armed",
    "calm_source",
    "compile_scenario",
    "drafted",
    "escaped",
    "function_source",
    "is_scenario",
    "judged",
    "load_scenario",
    "looks_for_leaks",
    "needs_second_run",
    "parse_scenario",
    "place_in",
    "schema",
    "schema_text",
]
