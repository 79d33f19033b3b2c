"""What a window changes, and that it is all put back."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import concurrent.futures.thread
import datetime as dt
import os
import queue
import random
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from email.utils import mktime_tz, parsedate_tz
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.clock import EPOCH, VirtualClock, installed_clock, virtual_time
from harness.clock._patches import _PATCHES
from harness.errors import VirtualTimeError

PLACES: list[tuple[Any, str]] = [
    *((time, name) for name in dir(time)),
    *((threading, name) for name in dir(threading)),
    *((threading.Thread, name) for name in vars(threading.Thread)),
    *((queue, name) for name in dir(queue)),
    *((os, name) for name in dir(os)),
    *((subprocess.Popen, name) for name in vars(subprocess.Popen)),
    *((concurrent.futures.ThreadPoolExecutor, name) for name in vars(concurrent.futures.ThreadPoolExecutor)),
    *((concurrent.futures.thread, name) for name in dir(concurrent.futures.thread)),
    *((concurrent.futures.thread._WorkItem, name) for name in vars(concurrent.futures.thread._WorkItem)),
    *((asyncio, name) for name in dir(asyncio)),
    *((asyncio.events, name) for name in dir(asyncio.events)),
    *((asyncio.base_events.BaseEventLoop, name) for name in vars(asyncio.base_events.BaseEventLoop)),
    *((module, name) for module in (select, selectors, signal, socket, _thread, random) for name in dir(module)),
    *((asyncio.SelectorEventLoop, name) for name in vars(asyncio.SelectorEventLoop)),
    *((selectors.DefaultSelector, name) for name in vars(selectors.DefaultSelector)),
]


def _everything() -> dict[tuple[str, str], int]:
    return {(repr(owner), name): id(vars(owner).get(name)) for owner, name in PLACES}


def test_nothing_stays_patched() -> None:
    before = _everything()
    # Where the pytest plugin is loaded its trampolines are there already.
    replaced = {name for owner, name, ours in _PATCHES if vars(owner)[name] is not ours}
    with virtual_time():
        during = _everything()
    with pytest.raises(LookupError), virtual_time():
        raise LookupError
    assert _everything() == before
    assert installed_clock() is None
    changed = {name for (_, name), value in during.items() if value != before[_, name]}
    assert changed == replaced
    assert {"Lock", "start", "new_event_loop"} <= changed


def test_nothing_stays_patched_by_a_session_and_its_cancels() -> None:
    async def main(session: harness.Session) -> None:
        loop = asyncio.get_running_loop()
        session.count_awaits()
        await session.backend().acomplete([{"role": "user", "content": "hi"}])
        assert "call_soon" in vars(loop), "counted, for as long as the session is open"

    before = _everything()
    with harness.replay(lambda _: "hello") as session, asyncio.Runner() as runner:
        runner.run(main(session))
        loop = runner.get_loop()
        session.stop()
        assert "call_soon" not in vars(loop)
    assert _everything() == before
    assert installed_clock() is None


def test_threads_that_do_not_take_part_keep_real_time() -> None:
    asked, answered, heard = threading.Event(), threading.Event(), list[float]()

    def stranger() -> None:
        asked.wait()
        started = time.monotonic()
        time.sleep(0.001)
        heard.append(time.monotonic() - started)
        answered.set()

    thread = threading.Thread(target=stranger)
    thread.start()
    with virtual_time() as clock:
        asked.set()
        answered.wait()
        assert clock.elapsed == 0.0
    thread.join()
    assert heard[0] >= 0.001


def test_one_window_at_a_time_and_the_same_one_twice_is_one() -> None:
    clock = VirtualClock()
    with clock.installed(), clock.installed():
        time.sleep(1)
        with pytest.raises(VirtualTimeError, match="installed_clock"), VirtualClock().installed():
            pass
    assert clock.elapsed == 1.0


def test_a_clock_can_be_installed_again_and_goes_on() -> None:
    clock = VirtualClock()
    for _ in range(2):
        with clock.installed():
            time.sleep(2)
    assert clock.elapsed == 4.0


def test_chance_is_the_same_every_time_and_is_put_back() -> None:
    state = random.getstate()
    draws = []
    for seed in (0, 0, 1):
        with virtual_time(seed=seed):
            draws.append(random.random())
    assert draws[0] == draws[1] != draws[2]
    assert random.getstate() == state


def test_an_http_date_means_the_same_in_every_run() -> None:
    with virtual_time():
        retry_after = parsedate_tz("Thu, 01 Jan 2026 00:00:25 GMT")
        assert retry_after is not None
        assert mktime_tz(retry_after) - time.time() == 25.0
    assert dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp() == EPOCH


def test_time_starts_where_it_is_told_to() -> None:
    start = dt.datetime(2030, 5, 17, 12, tzinfo=dt.UTC)
    with virtual_time(start=start):
        time.sleep(60)
        assert time.time() == start.timestamp() + 60
    with pytest.raises(VirtualTimeError, match="no time zone"), virtual_time(start=start.replace(tzinfo=None)):
        pass


def test_a_limiter_that_starts_with_zero_does_not_wait_at_first() -> None:
    with virtual_time():
        assert time.monotonic() - 0.0 > 86_400


def test_a_sleep_of_less_than_nothing_is_the_error_it_always_was() -> None:
    with virtual_time(), pytest.raises(ValueError, match="non-negative"):
        time.sleep(-1)


TRAMPOLINED = """
import sys, threading, time
from harness.clock import install_trampolines, virtual_time, real_monotonic
before = time.sleep
install_trampolines(); install_trampolines()
from time import monotonic, sleep

class Driver:
    clock = time.monotonic            # a builtin is no method, and a stand-in must not become one
    def waited(self, now=time.monotonic):
        started = now()
        sleep(30)
        return now() - started, self.clock() - started

outside, real = monotonic(), real_monotonic()
assert abs(outside - real) < 5 and time.sleep is sleep is not before
with virtual_time():
    assert Driver().waited() == (30.0, 30.0)
    installed = time.sleep
assert installed is sleep is time.sleep
import pickle
assert pickle.loads(pickle.dumps(sleep)) is sleep
sleep(0)
print("ok")
"""


def test_functions_copied_from_time_are_virtual_where_trampolines_were_there_first() -> None:
    # In a process of its own: they stay.
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", TRAMPOLINED], cwd=root, capture_output=True, text=True, check=False)
    assert ran.stdout == "ok\n", ran.stderr


ABANDONED = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
from harness.clock import virtual_time
with virtual_time() as clock:
    pool = ThreadPoolExecutor(1)
    pool.submit(print, "worked").result()
    threading.Thread(target=threading.Event().wait, name="abandoned").start()
    time.sleep(1)
print(len(clock.leaked))
"""


def test_an_abandoned_thread_does_not_hang_the_end_of_the_process() -> None:
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", ABANDONED], cwd=root, capture_output=True, text=True, check=False, timeout=20
    )
    assert ran.stdout == "worked\n2\n", ran.stderr
    assert ran.returncode == 0
