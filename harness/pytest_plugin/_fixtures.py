"""The fixtures. What they need is loaded when a test asks for one: a run that uses none of this pays for none of it."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import MissingExtraError
from harness.pytest_plugin import _outcome
from harness.pytest_plugin._owners import markers, owner_of, refuse_two_kinds, settings_of
from harness.pytest_plugin._run import run_of
from harness.pytest_plugin._swept import SWEPT

if TYPE_CHECKING:  # the annotations of the fixtures; nothing here is loaded before a test asks for it
    from harness.clock import VirtualClock
    from harness.pytest_plugin._opening import Opener
    from harness.pytest_plugin._serving import Servers


@pytest.fixture(scope="session")
def harness_config() -> dict[str, Any]:
    """Settings of your own, for the tests below this conftest: the keywords of `harness.replay`, `mode`,
    `cassette_dir` and `scenario_dir`, or the keys of pytest-recording's `vcr_config`."""
    return {}


@pytest.fixture(autouse=True)
def _harness_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """The session of a test with the marker harness, open from before its own fixtures until after them."""
    if not markers(request.node):
        yield
        return
    opener = request.getfixturevalue("_harness_opener")
    session = opener()
    if isinstance(request.instance, unittest.TestCase):
        request.instance.harness_session = session  # type: ignore[attr-defined]  # it takes no fixtures
    yield


@pytest.fixture(autouse=True)
def _harness_blocked(request: pytest.FixtureRequest) -> Iterator[None]:
    """--harness-block-network, for every test."""
    if not request.config.getoption("harness_block_network"):
        yield
        return
    from harness.transports import block_network  # noqa: PLC0415 - only where it was asked for

    hosts = settings_of(request.node, request).get("allowed_hosts", ())
    with block_network(tuple(hosts)):
        yield


@pytest.fixture
def _harness_opener(request: pytest.FixtureRequest) -> Iterator[Opener]:
    refuse_two_kinds(request.node)
    opener = _opener(request, request.node)
    opener.swept = request.node.stash.get(SWEPT, None)
    yield opener
    opener.close(passed=_outcome.passed(request.node), failed=_outcome.failed(request.node))


@pytest.fixture
def replay(_harness_opener: Opener) -> Opener:
    """`replay()` is the session of this test: the one of its marker, else of its own cassette.

    `replay("refund")` opens another cassette, `replay(scenario="flaky", case="once")` a scenario.
    Every session is verified when the test is over.
    """
    return _harness_opener


@pytest.fixture(scope="class")
def replay_class(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """As `replay`, for sessions that the tests of a class share: its own cassette is `<Class>.yaml`."""
    yield from _wide(request)


@pytest.fixture(scope="module")
def replay_module(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """As `replay`, for sessions that the tests of a module share: its own cassette is `<module>.yaml`."""
    yield from _wide(request)


@pytest.fixture(scope="session")
def replay_session(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """As `replay`, for sessions that all tests of a run share: its own cassette is `session.yaml`."""
    yield from _wide(request)


@pytest.fixture
def harness_server(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """`harness_server("refund")` serves a cassette on loopback, `harness_server(scenario="flaky", case="once")` a
    scenario: for code that cannot be caught in this process. `.url` says where, `.history` what was asked.

    Real sockets take real time, so it cannot be used in virtual time; `rate=10` plays ten times as fast.
    Verified when the test is over.
    """
    from harness.pytest_plugin._serving import Servers  # noqa: PLC0415 - loads the server

    settings = settings_of(request.node, request)
    servers = Servers(run_of(request.config), owner_of(request.node, request, settings), settings)
    yield servers
    servers.close(passed=_outcome.passed(request.node))


def _wide(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Its tests passed where nothing has failed since."""
    failures = _outcome.failures(request.config)
    opener = _opener(request, request.node)
    yield opener
    fine = _outcome.failures(request.config) == failures
    opener.close(passed=fine, failed=not fine)


def _opener(request: pytest.FixtureRequest, node: pytest.Item | pytest.Collector) -> Opener:
    from harness.pytest_plugin._opening import Opener  # noqa: PLC0415 - loads the session

    settings = settings_of(node, request)
    return Opener(run_of(request.config), owner_of(node, request, settings), settings)


@pytest.fixture
def virtual_time(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    """A VirtualClock that is the time of this test: sleeps, timeouts and backoff take no time, in exact order.

    With a session open it is the session's clock. While the test records it only counts: a live model takes real time.
    """
    from harness import clock  # noqa: PLC0415 - loads asyncio
    from harness.pytest_plugin._loops import is_virtual  # noqa: PLC0415 - loads asyncio

    if markers(request.node):
        request.getfixturevalue("_harness_marked")  # its window is opened first, and this is the same one
    joined = clock.installed_clock()
    if joined is not None:
        yield joined
    elif not is_virtual(run_of(request.config), request.node):
        yield clock.VirtualClock()
    else:
        with clock.virtual_time() as opened:
            yield opened


@pytest.fixture
def transcript_snapshot(request: pytest.FixtureRequest) -> Any:
    """A syrupy snapshot for transcripts, results, lists of tokens and the objects of the providers' SDKs.

    `assert session.transcript() == transcript_snapshot`; update it with `pytest --snapshot-update`.
    """
    try:
        from harness.pytest_plugin._snapshot import TranscriptExtension  # noqa: PLC0415 - syrupy is optional
    except ModuleNotFoundError as error:
        message = "transcript_snapshot needs syrupy: pip install 'replay-harness[pytest]'"
        raise MissingExtraError(message) from error
    snapshot = request.getfixturevalue("snapshot").use_extension(TranscriptExtension)
    swept = request.node.stash.get(SWEPT, None)
    return snapshot if swept is None or swept.case is None else swept.but_the_transcript(snapshot)
