"""Configuration: four places, one meaning, and no key that is silently ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.pytest_plugin._modes import Modes
from harness.pytest_plugin._naming import default_path, named_path, plain_name, safe_name
from harness.pytest_plugin._settings import from_fixture, from_markers, merged, read_project
from harness.pytest_plugin._shared import Shared


def mark(*args: Any, **kwargs: Any) -> pytest.Mark:
    return pytest.mark.harness(*args, **kwargs).mark


def test_the_nearest_marker_wins_and_lists_add_up() -> None:
    near, far = mark("near", ignore=["$.b"]), mark("far", ignore=["$.a"], clock="wall")
    assert from_markers([near, far]) == {"cassette": "near", "ignore": ["$.a", "$.b"], "clock": "wall"}


@pytest.mark.parametrize(
    "bad, said",
    [
        (mark(casette="x"), "did you mean 'cassette'?"),
        (mark("a", "b"), "takes one name"),
        (mark("a", scenario="b"), "a cassette and a scenario"),
        (mark(case="b"), "a case and no scenario"),
        (mark(predicates={}), "predicates and no scenario"),
        (mark(mode="allways"), "mode is one of none, once, new_episodes, all, rewrite, not 'allways'; did you mean"),
        (mark(clock="fast"), "clock is one of virtual, wall"),
        (mark(clock="real"), "clock is one of virtual, wall, not 'real'; did you mean 'wall'?"),
        (mark(ignore="$.a"), "ignore has to be a list"),
    ],
)
def test_a_marker_that_cannot_be_meant_is_refused(bad: pytest.Mark, said: str) -> None:
    with pytest.raises(pytest.UsageError, match="harness") as raised:
        from_markers([bad])
    assert said in str(raised.value)


def test_the_projects_configuration_is_checked(tmp_path: Path) -> None:
    assert read_project(tmp_path).values == {}
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.harness]\nignore = ["$.user"]\ncassette_dir = "tapes"\n')
    assert read_project(tmp_path).values == {"ignore": ["$.user"], "cassette_dir": "tapes"}
    assert read_project(tmp_path).folder("cassette_dir") == tmp_path / "tapes"
    for text, said in (
        ("[tool.harness]\nignored = []\n", "'ignored' is no setting; did you mean 'ignore"),
        ("[tool.harness]\nzzz = 1\n", "known are allow, allowed_hosts"),
        ("[tool]\nharness = 1\n", "has to be a table"),
        ("[tool.harness\n", "pyproject.toml"),
    ):
        file.write_text(text)
        with pytest.raises(pytest.UsageError) as raised:
            read_project(tmp_path)
        assert said in str(raised.value)


def test_the_keys_of_vcr_config_are_understood() -> None:
    assert from_fixture(
        {
            "record_mode": "once",
            "filter_headers": ["x-tenant", ("x-user", "me")],
            "filter_query_parameters": ["sig2"],
            "allow_playback_repeats": True,
            "ignore_localhost": True,
            "match_on": ["method", "uri", "body"],
            "decode_compressed_response": True,
            "ignore": ["$.user"],
        }
    ) == {
        "mode": "once",
        "redact": [
            {"name": "filtered", "header": "x-tenant"},
            {"name": "filtered", "header": "x-user"},
            {"name": "filtered", "query": "sig2"},
        ],
        "on_exhausted": "repeat",
        "ignored_hosts": ["localhost", "127.0.0.1", "::1"],
        "ignore": ["$.user"],
    }


def test_the_keys_of_vcr_config_that_mean_nothing_here_are_named() -> None:
    with pytest.raises(pytest.UsageError) as raised:
        from_fixture({"match_on": ["headers"], "before_record_request": print, "serializer": "json"})
    for key in ("match_on", "before_record_request", "serializer"):
        assert f"\n  {key}: " in str(raised.value)


@pytest.mark.parametrize("values", [{"nonsense": 1}, ["ignore"], {"record_mode": "often"}])
def test_a_fixture_that_cannot_be_meant_is_refused(values: Any) -> None:
    with pytest.raises(pytest.UsageError, match="harness_config"):
        from_fixture(values)


def test_a_setting_that_says_nothing_leaves_the_others() -> None:
    assert merged({"clock": "wall", "ignore": ["a"]}, {"clock": None, "ignore": None}) == {
        "clock": "wall",
        "ignore": ["a"],
    }


def test_a_wrong_setting_fails_the_run_and_names_the_place(project: Any, text: Any) -> None:
    project.configure("[tool.harness]\nunplaid = 'fail'\n")
    project.write("test_a.py", "def test_plain():\n    pass\n")
    assert "[tool.harness] in pyproject.toml: 'unplaid' is no setting; did you mean 'unplayed'?" in text(project.run())


def test_a_wrong_marker_ends_the_run_and_names_the_test(project: Any, text: Any) -> None:
    project.write("test_a.py", "@pytest.mark.harness(casette='x')\ndef test_ask():\n    pass\n")
    shown = text(project.run())
    assert "test_a.py::test_ask: @pytest.mark.harness: 'casette' is no setting; did you mean 'cassette'?" in shown


def test_the_nearest_conftest_configures(project: Any) -> None:
    project.write(
        "conftest.py", "import pytest\n\n@pytest.fixture\ndef harness_config():\n    return {'ignore': ['$.user']}\n"
    )
    test = '@pytest.mark.harness\ndef test_ask():\n    ask("hello", user="{}")\n'
    project.write("near/test_a.py", test.format("one"))
    project.write("far/test_b.py", test.format("one"))
    project.write("far/conftest.py", "import pytest\n\n@pytest.fixture\ndef harness_config():\n    return {}\n")
    project.run("--import-mode=importlib", "--harness-record=once", passed=2)
    project.write("near/test_a.py", test.format("two"))
    project.write("far/test_b.py", test.format("two"))
    project.run("--import-mode=importlib", passed=1, failed=1)


def test_names_are_pytest_recordings_where_they_can_be() -> None:
    assert plain_name("test_it[a/b]", "TestC") == "TestC.test_it[a-b]"
    assert safe_name("test_it[c]", "TestC") == "TestC.test_it[c]"
    assert safe_name("test_it[a/b]") != safe_name("test_it[a:b]") != "test_it[a-b]"
    long = safe_name("test_" + "é" * 100)
    assert len(f"{long}.yaml".encode()) <= 120
    assert long != safe_name("test_" + "é" * 101)


def test_an_existing_file_is_found_and_a_new_one_belongs_to_the_module(tmp_path: Path) -> None:
    old = tmp_path / "test_it[a-b].yaml"
    assert default_path(tmp_path, "test_it[a/b]", "", lambda path: path == old) == old
    assert default_path(tmp_path, "test_it[a/b]", "", lambda _: False) != old
    folders = (tmp_path / "module", tmp_path)
    assert named_path("x", tmp_path, folders, lambda _: False) == tmp_path / "module" / "x.yaml"
    assert named_path("x", tmp_path, folders, lambda path: path.parent == tmp_path) == tmp_path / "x.yaml"
    assert named_path("a/x.yaml", tmp_path, folders, lambda _: False) == tmp_path / "a" / "x.yaml"


@pytest.mark.parametrize(
    "option, variable, ci, wanted, decided",
    [
        (None, None, "", None, "none"),
        (None, None, "", "once", "once"),
        (None, None, "false", "once", "once"),
        (None, None, "true", "once", "none"),
        (None, "all", "1", None, "all"),
        ("none", "all", "", "once", "none"),
    ],
)
def test_who_decides(option: str | None, variable: str | None, ci: str, wanted: str | None, decided: str) -> None:
    environment = {"CI": ci} | ({"HARNESS_RECORD": variable} if variable else {})
    assert Modes.of(option, environment).decide(wanted) == decided


def test_what_is_left_over_is_what_nobody_of_all_users_asked_for(tmp_path: Path) -> None:
    one, other = Shared(), Shared()
    for shared in (one, other):
        shared.uses(tmp_path, "a")
        shared.uses(tmp_path, "b")
    one.usage(tmp_path).played("a", ["#1", "#3"], "fail")  # type: ignore[union-attr]
    assert one.left_over() == {}, "b has not run"
    other.usage(tmp_path).played("b", ["#2", "#3"], "fail")  # type: ignore[union-attr]
    one.join(other.exported())
    assert [usage.left_over for usage in one.left_over().values()] == [["#3"]]
