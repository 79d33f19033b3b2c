"""YAML -> Source. The room is called `scenarios` and not `scenario`, because `harness.scenario` is the verb of the front
door, and importing a submodule of that name would put the module in its place."""
