"""YAML -> Source.

The room is called `scenarios` and not `scenario`, because `harness.scenario` is the verb of the front door.
Importing a submodule of that name would put the module in its place.
"""

from harness.scenarios._compile import compile_scenario, function_source
from harness.scenarios._load import is_scenario, load_scenario, parse_scenario
from harness.scenarios._scenario import Scenario
from harness.scenarios._schema import schema, schema_text
from harness.scenarios._source import ScenarioSource

__all__ = [
    "Scenario",
    "ScenarioSource",
    "compile_scenario",
    "function_source",
    "is_scenario",
    "load_scenario",
    "parse_scenario",
    "schema",
    "schema_text",
]
