"""Under the plugins that run async tests: each has its own way of choosing the loop."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import asyncio
from harness.clock import new_event_loop

def pytest_asyncio_loop_factories(config, item):
    if item.get_closest_marker("virtual"):
        return {"virtual": new_event_loop}
    return {"wall": asyncio.new_event_loop}
"""

TESTS = """
import asyncio, time
import pytest
from harness.clock import VirtualClock, VirtualTimeLoop, installed_clock, virtual_time

@pytest.fixture
def clock():
    with virtual_time() as clock:
        yield clock

@pytest.mark.asyncio
@pytest.mark.virtual
async def test_alone():
    started = time.monotonic()
    await asyncio.sleep(3600)
    assert time.monotonic() - started == 3600
    assert asyncio.get_running_loop().clock is installed_clock()

@pytest.mark.asyncio
@pytest.mark.virtual
async def test_with_a_window_from_a_fixture(clock):
    await asyncio.to_thread(time.sleep, 30)
    async with asyncio.timeout(60):
        await asyncio.sleep(30)
    assert clock.elapsed == 60
    assert asyncio.get_running_loop().clock is clock

@pytest.mark.asyncio
async def test_every_other_test_has_a_loop_as_always():
    assert not isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
    await asyncio.sleep(0.001)
"""


def test_marked_tests_run_on_virtual_time_and_others_as_always(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    pytester.makeini(
        "[pytest]\nmarkers = virtual\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error"
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-q")
    ran.assert_outcomes(passed=3)


ANYIO_TESTS = """
import time
import anyio, pytest
from trio.testing import MockClock
from harness.clock import new_event_loop, virtual_time

@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request):
    if request.param == "trio":
        return "trio", {"clock": MockClock(autojump_threshold=0)}
    return "asyncio", {"loop_factory": new_event_loop}

@pytest.fixture
def clock():
    with virtual_time() as clock:
        yield clock

@pytest.mark.anyio
async def test_sleeps_timeouts_and_threads(clock):
    started = time.monotonic()
    await anyio.sleep(30)
    with anyio.move_on_after(5):
        await anyio.sleep_forever()
    time.sleep(2)
    await clock.sleep_until(40_000_000_000)
    assert await anyio.to_thread.run_sync(lambda: 3) == 3
    assert clock.elapsed == time.monotonic() - started == 40
"""


def test_anyios_plugin_runs_on_virtual_time_on_both_backends(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(ANYIO_TESTS)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error")
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-q").assert_outcomes(passed=2)
