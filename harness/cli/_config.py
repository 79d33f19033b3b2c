"""`[tool.harness]` of the project that a file belongs to: the rules that its tests record with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from harness.errors import ConfigurationError
from harness.matching import Rules


def rules_for(file: Path) -> Rules:
    """The rules of the nearest pyproject.toml above `file` that has a `[tool.harness]`, else the built-in ones.

    Raises ConfigurationError for one that cannot be read or a rule that cannot be meant.
    """
    for folder in file.absolute().parents:
        path = folder / "pyproject.toml"
        if path.is_file() and (values := _values(path)) is not None:
            try:
                return Rules.of(*(values.get(key, ()) for key in ("ignore", "redact", "allow")))
            except (TypeError, ValueError) as error:
                message = f"{path}: {error}"
                raise ConfigurationError(message) from error
    return Rules()


def _values(path: Path) -> dict[str, Any] | None:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path}: it cannot be read: {error}"
        raise ConfigurationError(message) from error
    found = document.get("tool", {}).get("harness")
    return found if isinstance(found, dict) else None
