"""Which backend is made: by argument or environment, with options that it knows, imported when it is chosen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.contract import LLMBackend
from harness.errors import PluginError
from harness.plugins import BACKENDS, load, names

SETTINGS = ("HARNESS_BACKEND", "HARNESS_MODEL", "HARNESS_BASE_URL", "HARNESS_TIMEOUT", "HARNESS_FAKE_OUTPUT")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SETTINGS, "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_name_comes_from_the_argument_else_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(harness.get_backend("fake")).__name__ == "FakeBackend"
    monkeypatch.setenv("HARNESS_BACKEND", "fake")
    assert type(harness.get_backend()).__name__ == "FakeBackend"


@pytest.mark.parametrize("name", [None, "gpt"])
def test_no_name_and_an_unknown_name_are_errors_that_list_the_known_ones(name: str | None) -> None:
    with pytest.raises(ValueError, match=r"fake, .*openai, replay"):
        harness.get_backend(name)


@pytest.mark.parametrize("name", ["fake", "openai"])
def test_an_unknown_option_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(TypeError, match=rf"'{name}' has no option modle; it knows .*"):
        harness.get_backend(name, modle="x")


def test_a_missing_option_is_named() -> None:
    with pytest.raises(TypeError, match="'replay' needs cassette"):
        harness.get_backend("replay")


def test_a_backend_without_a_model_names_the_variable() -> None:
    with pytest.raises(ValueError, match=r"pass model=\.\.\. or set HARNESS_MODEL"):
        harness.get_backend("openai")


def test_settings_come_from_the_environment_where_no_argument_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_MODEL", "from-env")
    monkeypatch.setenv("HARNESS_TIMEOUT", "1m30s")
    backend = harness.get_backend("openai", api_key="k")
    assert (backend.model, backend.timeout) == ("from-env", 90.0)
    backend = harness.get_backend("openai", api_key="k", model="from-argument", timeout=5)
    assert (backend.model, backend.timeout) == ("from-argument", 5.0)


@pytest.mark.parametrize("text, expected", [("60", 60.0), ("0.5", 0.5), ("forever", float("inf"))])
def test_timeouts_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch, text: str, expected: float) -> None:
    monkeypatch.setenv("HARNESS_TIMEOUT", text)
    assert harness.get_backend("fake").timeout == expected


def test_a_timeout_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_TIMEOUT", "soon")
    with pytest.raises(ValueError, match="'soon' is no duration"):
        harness.get_backend("fake")


@pytest.mark.parametrize("timeout", [0, -1, "0", "none", float("nan")])
def test_a_cap_that_no_generation_could_keep_is_an_error(timeout: float | str) -> None:
    with pytest.raises(ValueError, match="leaves no time to answer"):
        harness.get_backend("fake", timeout=timeout)


def test_no_backend_is_imported_before_it_is_chosen() -> None:
    code = """
import sys, harness.session
def loaded(): return sorted(m for m in sys.modules if m.startswith("harness.live._") or m == "httpx2")
before = loaded()
harness.session.get_backend("fake")
print(before, [m for m in loaded() if m not in before])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "_fake" not in ran.stdout.split("]")[0]
    assert "harness.live._fake" in ran.stdout
    assert "httpx2" not in ran.stdout
    assert "_openai" not in ran.stdout


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    code = """
import sys
sys.modules["httpx2"] = None
from harness.errors import MissingExtraError
from harness.live import choose
try:
    choose("openai", {"model": "m"})
except MissingExtraError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "replay-harness[live]"' in ran.stdout


def test_a_replay_is_a_backend_by_name(tmp_path: Path) -> None:
    cassette = Path(__file__).parents[2] / "cassettes" / "openai-chat-streaming.yaml"
    backend = harness.get_backend("replay", cassette=cassette)
    assert isinstance(backend, LLMBackend)
    prompt = harness.load(cassette).interactions[0].prompt
    assert prompt is not None
    messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
    said = backend.complete(
        messages, **{k: v for k, v in prompt.parameters.items() if k in {"max_tokens", "temperature"}}
    )
    assert said.narrative_text == harness.load(cassette).interactions[0].reply.text  # type: ignore[union-attr]


# --- names of other packages


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that are installed as far as entry points go."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def installed(folder: Path, package: str, entry: str) -> None:
    info = folder / f"{package}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[harness.backends]\n{entry}\n")


def test_a_backend_of_another_package_is_found_by_its_entry_point(package: Path) -> None:
    (package / "parrot_llm.py").write_text(
        "class Parrot:\n    def __init__(self, model='p'):\n        self.model = model\n"
    )
    installed(package, "parrot", "parrot = parrot_llm:Parrot")
    assert "parrot" in names(BACKENDS)
    assert harness.get_backend("parrot", model="x").model == "x"


def test_a_name_of_ours_is_ours(package: Path) -> None:
    installed(package, "squatter", "fake = nowhere:Fake")
    assert type(harness.get_backend("fake")).__module__ == "harness.live._fake"


def test_a_plugin_that_cannot_be_loaded_says_whose_it_is(package: Path) -> None:
    installed(package, "broken", "broken = nowhere_at_all:Broken")
    with pytest.raises(PluginError, match="nowhere_at_all:Broken of broken"):
        load(BACKENDS, "broken")


def test_a_name_that_two_packages_claim_is_an_error_that_names_both(package: Path) -> None:
    installed(package, "one", "twice = one_module:A")
    installed(package, "two", "twice = two_module:B")
    with pytest.raises(PluginError, match="one_module:A of one and two_module:B of two"):
        load(BACKENDS, "twice")
