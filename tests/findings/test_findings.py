"""What the pages in `.github/findings/` say is seen again, in the versions that they name."""

from __future__ import annotations

import pytest

from tests.findings.pages import EVERYTHING, FOLDER, strangers, told

pytestmark = pytest.mark.findings


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_a_page_tells_is_seen_again(name: str) -> None:
    if other := strangers(name):
        pytest.skip(f"the page is about {', '.join(other)}, which is not what is installed")
    lines = told(name)
    assert lines
    report = EVERYTHING[name].sweep(cases=sorted({case for _, case in lines}))
    seen = {(broken.checker, case.name) for case in report.cases for broken in case.violations}
    assert set(lines) - seen == set()


def test_every_page_is_in_the_index() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    assert [name for name in EVERYTHING if f"({name}.md)" not in index] == []
    assert {path.stem for path in FOLDER.glob("*.md")} == {*EVERYTHING, "README"}
