"""A snapshot is what the test says without faults, however it is swept and updated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.test_sweep_items import written

SWEPT = """
@pytest.mark.harness("weather")
@pytest.mark.harness_sweep(kinds="truncate-clean", contract=[AgentError], modes=["once"], tier="{tier}", cancel=False)
def test_agent({fixture}):
    assert agent(False) == {fixture}
"""


@pytest.mark.parametrize("tier", ["smart", "full"])
@pytest.mark.parametrize("fixture", ["snapshot", "transcript_snapshot"])
@pytest.mark.parametrize("option", ["--snapshot-update", "--snapshot-update-new-only"])
def test_what_comes_of_a_fault_is_never_written(project: Any, option: str, fixture: str, tier: str) -> None:
    written(project, SWEPT.format(tier=tier, fixture=fixture))
    project.run("-k", "not kind and not full", option, passed=1)
    (file,) = project.root.rglob("*.ambr")
    said = file.read_bytes()
    assert b"It is 20\xc2\xb0C in Paris." in said
    assert project.run(option).ret == 1
    assert file.read_bytes() == said


def test_what_the_test_says_is_written_though_it_is_swept(project: Any) -> None:
    written(project, SWEPT.format(tier="smart", fixture="snapshot"))
    project.run("--snapshot-update")
    (file,) = project.root.rglob("*.ambr")
    assert b"It is 20\xc2\xb0C in Paris." in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(b"20", b"21"))
    project.run("--snapshot-update")
    assert b"It is 20\xc2\xb0C in Paris." in file.read_bytes()
