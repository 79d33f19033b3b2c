"""No name of a cassette leads out of the project: not in a marker, not in an id, not through a link."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyprojecttoml("[tool.harness]\n")
    return pytester


def test_a_name_that_leads_out_of_the_project_is_refused(project: pytest.Pytester) -> None:
    names = ["../../outside.yaml", "/tmp/outside.yaml", "a/../../../outside.yaml"]
    markers = "".join(
        f"@pytest.mark.harness({name!r})\ndef test_marker_{n}(replay): replay()\n"
        f"@pytest.mark.harness(scenario={name!r})\ndef test_scenario_{n}(replay): replay()\n"
        for n, name in enumerate(names)
    )
    project.makepyfile(
        f"import pytest\n{markers}@pytest.mark.parametrize('n', {names!r})\ndef test_it(replay, n): replay(n)\n"
    )
    result = project.runpytest_subprocess("-p", "no:cacheprovider", "--harness-record=once", "-rA")
    result.assert_outcomes(errors=6, failed=3)
    assert result.stdout.str().count("UsageError: ") >= 9
    result.stdout.fnmatch_lines(["*out of the project*"])
    assert not list(project.path.parent.glob("outside*"))
    assert not Path("/tmp/outside.yaml").exists()


@pytest.mark.parametrize("ident", ["../../../outside", "..", "/etc/passwd", "a\\b", "C:evil", "x" * 300, "\u202e.yaml"])
def test_a_parametrised_id_stays_one_name_in_the_folder(ident: str, tmp_path: Path) -> None:
    from harness.pytest_plugin._naming import default_path

    path = default_path(tmp_path, f"test_it[{ident}]", "", lambda _: False)
    assert path.parent == tmp_path
    assert path.resolve().parent == tmp_path.resolve()
    assert len(path.name.encode()) <= 120


def test_a_committed_link_is_not_followed_out_of_the_project(project: pytest.Pytester, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("interactions: []\nversion: 1\n")
    folder = project.path / "cassettes" / "test_link"
    folder.mkdir(parents=True)
    (folder / "test_it.yaml").symlink_to(outside)
    project.makepyfile(test_link="def test_it(replay): replay()\n")
    result = project.runpytest_subprocess("-p", "no:cacheprovider", "--harness-record=all")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*out of the project*"])
    assert outside.read_text() == "interactions: []\nversion: 1\n"


def test_a_path_is_code_and_goes_where_it_says(project: pytest.Pytester, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("interactions: []\nversion: 1\n")
    project.makepyfile(f"from pathlib import Path\ndef test_it(replay): replay(Path({str(outside)!r}))\n")
    project.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_absolute_path_of_a_file_that_is_there_is_read_and_never_written(
    project: pytest.Pytester, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("interactions: []\nversion: 1\n")
    project.makepyfile(f"import pytest\n@pytest.mark.harness({str(outside)!r})\ndef test_it(): pass\n")
    for mode, outcome in {"none": {"passed": 1}, "once": {"passed": 1}, "rewrite": {"errors": 1}}.items():
        result = project.runpytest_subprocess("-p", "no:cacheprovider", f"--harness-record={mode}")
        result.assert_outcomes(**outcome)
    assert outside.read_text() == "interactions: []\nversion: 1\n"
