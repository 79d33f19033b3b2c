"""The hooks of the plugin: rules of a conftest or of another plugin, beside those of the configuration."""

from __future__ import annotations

from typing import Any

CONFTEST = """
    import pytest

    def pytest_harness_redact(config):
        assert config.rootpath.is_dir()
        return [{"name": "badge", "regex": "badge [A-Z]+[0-9]+"}, {"name": "tenant", "field": "tenant"}]

    @pytest.fixture
    def harness_config():
        return {"redact": [{"name": "floor", "regex": "floor [0-9]+"}]}
"""
TEST = """
    @pytest.mark.harness(redact=[{"name": "desk", "regex": "desk [0-9]+"}])
    def test_ask():
        ask("badge AB12, floor 7, desk 3, room 5", tenant="northwind")
"""


def test_rules_of_a_hook_add_to_configuration_fixture_and_marker(project: Any) -> None:
    project.configure('[tool.harness]\nredact = [{name = "room", regex = "room [0-9]+"}]\n')
    project.write("conftest.py", CONFTEST)
    project.write("test_a.py", TEST)
    project.run("--harness-record=once", passed=1)
    (path,) = project.root.rglob("*.yaml")
    written = path.read_text()
    assert project.cassettes()[path.relative_to(project.root).as_posix()] == [
        "REDACTED-badge, REDACTED-floor, REDACTED-desk, REDACTED-room"
    ]
    assert "northwind" not in written
    assert "REDACTED-tenant" in written
    project.write("test_a.py", TEST.replace("AB12", "CD34").replace("northwind", "contoso"))
    project.run(passed=1)  # what was replaced is not part of the match


def test_the_hook_of_a_conftest_is_for_the_tests_below_it(project: Any) -> None:
    hook = 'def pytest_harness_redact(config):\n    return ["badge [A-Z]+[0-9]+"]\n'
    project.write("near/conftest.py", hook)
    test = '@pytest.mark.harness\ndef test_ask():\n    ask("badge AB12")\n'
    project.write("near/test_a.py", test)
    project.write("far/test_b.py", test)
    project.run("--import-mode=importlib", "--harness-record=once", passed=2)
    assert sorted(text for found in project.cassettes().values() for text in found) == ["REDACTED-custom", "badge AB12"]


def test_what_a_hook_allows_is_no_secret(project: Any, text: Any) -> None:
    suspect = "k3Jq9vXz7Lm2Pw8RtY5bN1cD4fG6hS0a" + "QeUiOpAsDfGh"
    project.write("test_a.py", f'@pytest.mark.harness\ndef test_ask():\n    ask("api_key = {suspect}")\n')
    assert "looks like a secret" in text(project.run("--harness-record=once"))
    project.write("conftest.py", f'def pytest_harness_allow(config):\n    return ["{suspect}"]\n')
    project.run("--harness-record=once", passed=1)


def test_a_hook_that_returns_nonsense_is_named(project: Any, text: Any) -> None:
    project.write("test_a.py", "@pytest.mark.harness\ndef test_ask():\n    ask('x')\n")
    project.write("conftest.py", 'def pytest_harness_redact(config):\n    return "badge"\n')
    assert "the hook pytest_harness_redact: redact has to be a list, not 'badge'" in text(project.run())


def test_a_misspelt_hook_argument_fails_when_it_is_registered(project: Any, text: Any) -> None:
    project.write("test_a.py", "def test_ask():\n    pass\n")
    project.write("conftest.py", "def pytest_harness_redact(confg):\n    return []\n")
    assert "confg" in text(project.run())
