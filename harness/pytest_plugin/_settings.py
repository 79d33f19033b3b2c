"""What a session is opened with: `[tool.harness]`, hooks, the fixture harness_config, markers, arguments.

The nearest place wins; lists (`ignore`, `redact`, `allow`, `allowed_hosts`, `ignored_hosts`) add up.
A key that nobody knows is an error that names the closest one: a setting that is silently ignored is worse than none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pytest

from harness.errors import nearest

LISTS = ("ignore", "redact", "allow", "allowed_hosts", "ignored_hosts")
SINGLE = ("clock", "matcher", "mode", "on_exhausted", "unplayed")
FOLDERS = ("cassette_dir", "scenario_dir")
SWITCHES = ("collect_scenarios",)
"""Of the project alone: whether scenarios that name a driver are tests."""
SOURCES = ("case", "cassette", "predicates", "scenario")
SESSION_KEYS = (*LISTS, *SINGLE)

CHOICES: Mapping[str, tuple[str, ...]] = {
    "clock": ("virtual", "wall"),
    "mode": ("none", "once", "new_episodes", "all", "rewrite"),
    "on_exhausted": ("error", "repeat"),
    "unplayed": ("fail", "warn", "ignore"),
}

# What pytest-recording's `vcr_config` calls it, where we have it.
_VCR_LISTS = {"filter_headers": "header", "filter_query_parameters": "query", "filter_post_data_parameters": "field"}
_VCR_SAME = {"record_mode": "mode", "ignore_hosts": "ignored_hosts", "cassette_library_dir": "cassette_dir"}
_VCR_NOTHING_TO_DO = {"decode_compressed_response": True, "record_on_exception": False}
_LOCALHOST = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Project:
    """`[tool.harness]` of the pyproject.toml at the root of the run; empty where there is none."""

    root: Path
    values: Mapping[str, Any]

    def folder(self, key: str) -> Path | None:
        """The configured folder, None where none is."""
        return self.root / self.values[key] if key in self.values else None


def read_project(root: Path) -> Project:
    """The project's configuration. Raises pytest.UsageError for what cannot be meant."""
    path = root / "pyproject.toml"
    if not path.is_file():
        return Project(root, {})
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        message = f"{path}: {error}"
        raise pytest.UsageError(message) from error
    values = document.get("tool", {}).get("harness", {})
    return Project(root, checked(values, (*SESSION_KEYS, *FOLDERS, *SWITCHES), f"[tool.harness] in {path.name}"))


def checked(values: object, known: Iterable[str], where: str) -> dict[str, Any]:
    """`values` as a dictionary of known keys with values that can be meant. Raises pytest.UsageError."""
    if not isinstance(values, Mapping):
        message = f"{where} is {values!r}, and has to be a table of settings"
        raise pytest.UsageError(message)
    known = sorted(known)
    for key, value in values.items():
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            message = f"{where}: {key!r} is no setting; {hint}"
            raise pytest.UsageError(message)
        _check_value(key, value, where)
    return dict(values)


def _check_value(key: str, value: object, where: str) -> None:
    if key in LISTS and (isinstance(value, str | Mapping) or not isinstance(value, Iterable)):
        message = f"{where}: {key} has to be a list, not {value!r}"
        raise pytest.UsageError(message)
    if key in SWITCHES and not isinstance(value, bool):
        message = f"{where}: {key} is true or false, not {value!r}"
        raise pytest.UsageError(message)
    if key in CHOICES and isinstance(value, str) and value not in CHOICES[key]:
        hint = nearest(value, CHOICES[key])
        message = f"{where}: {key} is one of {', '.join(CHOICES[key])}, not {value!r}{hint}"
        raise pytest.UsageError(message)


def from_fixture(values: object) -> dict[str, Any]:
    """What harness_config returned: our keys, or those of vcr_config. Raises pytest.UsageError that names others."""
    where = "the fixture harness_config"
    if not isinstance(values, Mapping):
        return checked(values, (), where)
    vcr = {key for key in values if key in {*_VCR_LISTS, *_VCR_SAME, *_VCR_NOTHING_TO_DO, *_UNSUPPORTED, *_VCR_OTHER}}
    ours = checked({k: v for k, v in values.items() if k not in vcr}, (*SESSION_KEYS, *FOLDERS), where)
    unsupported = [key for key in values if key in vcr and not _is_supported(key, values[key])]
    if unsupported:
        reasons = "".join(f"\n  {key}: {_UNSUPPORTED.get(key, 'not with this value')}" for key in unsupported)
        message = f"{where} has keys of vcr_config that harness does not support:{reasons}"
        raise pytest.UsageError(message)
    return merged(_translated(values), ours)


_UNSUPPORTED = {
    "match_on": "the method, the URL and the body always decide, headers never; see `ignore` and `matcher`",
    "custom_patches": "harness intercepts by class; see session.transport()",
    "serializer": "cassettes are vcrpy's YAML",
    "persister": "cassettes are files",
    "path_transformer": "say cassette_dir, or name the cassette in the marker",
    "func_path_generator": "say cassette_dir, or name the cassette in the marker",
    "before_record": "see `redact`",
    "before_record_request": "see `redact` and `ignored_hosts`",
    "before_record_response": "see `redact`",
    "before_playback": "a replay hands out the recorded bytes",
    "filter_sensitive_data": "see `redact`",
    "drop_unused_requests": "an unplayed answer fails the test; record it anew",
    "before_save_interaction": "see `redact`",
    "after_load_interaction": "a replay hands out the recorded bytes",
    "inject_cassette": "take the fixture replay",
    "skip_patchers": "harness intercepts httpx and httpx2",
}
_DECIDES_ANYWAY = {"method", "uri", "scheme", "host", "port", "path", "query", "body"}
_VCR_OTHER = ("allow_playback_repeats", "ignore_localhost")


def _is_supported(key: str, value: object) -> bool:
    if key in _VCR_NOTHING_TO_DO:
        return value == _VCR_NOTHING_TO_DO[key]
    if key == "match_on" and isinstance(value, Iterable):
        return set(value) <= _DECIDES_ANYWAY
    return key not in _UNSUPPORTED


def _translated(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {ours: values[theirs] for theirs, ours in _VCR_SAME.items() if theirs in values}
    checked({k: v for k, v in found.items() if k in CHOICES}, CHOICES, "the fixture harness_config")
    redact = [
        {"name": "filtered", place: entry if isinstance(entry, str) else entry[0]}
        for key, place in _VCR_LISTS.items()
        for entry in values.get(key) or ()
    ]
    if redact:
        found["redact"] = redact
    if values.get("allow_playback_repeats"):
        found["on_exhausted"] = "repeat"
    if values.get("ignore_localhost"):
        found["ignored_hosts"] = [*(found.get("ignored_hosts") or ()), *_LOCALHOST]
    return found


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """All layers as one; the later ones are nearer. None says nothing."""
    found: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if value is None:
                continue
            found[key] = [*found.get(key, ()), *value] if key in LISTS else value
    return found


def from_hooks(node: pytest.Item | pytest.Collector) -> dict[str, Any]:
    """What conftests and plugins add for `node`. Raises pytest.UsageError that names the hook."""
    found = {
        "redact": node.ihook.pytest_harness_redact(config=node.config),
        "allow": node.ihook.pytest_harness_allow(config=node.config),
    }
    named = [(key, f"the hook pytest_harness_{key}", entries) for key, said in found.items() for entries in said]
    return merged(*(checked({key: entries}, (key,), where) for key, where, entries in named))


def from_markers(markers: Iterable[pytest.Mark]) -> dict[str, Any]:
    """The harness markers of a test as one, the closest first in `markers`. Raises pytest.UsageError."""
    return merged(*(_from_marker(mark) for mark in reversed(list(markers))))


def _from_marker(mark: pytest.Mark) -> dict[str, Any]:
    where = "@pytest.mark.harness"
    if len(mark.args) > 1 or not all(isinstance(arg, str) for arg in mark.args):
        shown = ", ".join(map(repr, mark.args))
        message = f"{where}({shown}) takes one name or path of a cassette, and keywords: {', '.join(SOURCES)}, …"
        raise pytest.UsageError(message)
    values = {**({"cassette": mark.args[0]} if mark.args else {}), **mark.kwargs}
    found = checked(values, (*SESSION_KEYS, *SOURCES), where)
    if "cassette" in found and "scenario" in found:
        message = f"{where} has a cassette and a scenario; a session plays one of them"
        raise pytest.UsageError(message)
    for key, word in (("case", "a case"), ("predicates", "predicates")):
        if key in found and "scenario" not in found:
            message = f"{where} has {word} and no scenario"
            raise pytest.UsageError(message)
    return found
