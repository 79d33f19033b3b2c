"""What a fault is in process it is over a socket: the same exception, cause, partial text and number of requests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness import faults
from tests.parity import table
from tests.parity.arms import BELOW_A_SERVER, Case, Outcome, alone, cases, in_process, over_sockets

pytestmark = [
    pytest.mark.parity,
    # The SDKs leave their own generators and sockets of broken streams to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ALL = cases()
PUBLISHED = Path(__file__).parents[2] / ".github" / "parity.md"


@pytest.fixture(scope="module")
def ours(request: pytest.FixtureRequest) -> dict[Case, Outcome | str]:
    chosen = {item.callspec.params["case"] for item in request.session.items if hasattr(item, "callspec")}
    return {case: in_process(case) for case in ALL if case in chosen}


@pytest.fixture(scope="module")
def theirs(ours: dict[Case, Outcome | str]) -> dict[Case, Outcome]:
    return over_sockets(
        case for case, found in ours.items() if isinstance(found, Outcome) and case.fault not in BELOW_A_SERVER
    )


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)
def test_in_process_is_as_over_a_socket(
    case: Case, ours: dict[Case, Outcome | str], theirs: dict[Case, Outcome]
) -> None:
    found = ours[case]
    if isinstance(found, str):
        assert "never struck: this answer" in found
        return
    if case.fault in BELOW_A_SERVER:
        assert found.error or case.fault == "connect-latency", "a fault that nobody hears is none"
        return
    assert found == theirs[case] or any(found == alone(case) for _ in range(3))


def test_the_table_is_complete(ours: dict[Case, Outcome | str], theirs: dict[Case, Outcome]) -> None:
    """Written anew with HARNESS_WRITE_PARITY=1; versions of the clients stand in it, so it is not compared."""
    if os.environ.get("HARNESS_WRITE_PARITY"):
        PUBLISHED.write_text(table.written(ours, theirs), "utf-8")
    text = PUBLISHED.read_text("utf-8")
    assert [name for name in faults.KNOWN if f"| `{name}` |" not in text] == []
