"""Event loops on virtual time, alone and together with threads."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from harness.clock import VirtualClock, VirtualTimeLoop, in_real_time, installed_clock, new_event_loop, real_sleep
from harness.errors import HorizonExceededError, VirtualDeadlockError, VirtualTimeError
from harness.model import NEVER, seconds


def run(main: Callable[[VirtualClock], Awaitable[Any]], clock: VirtualClock | None = None) -> tuple[Any, float]:
    """Run as a driver does that calls asyncio.run itself; the result, and the time at the end."""
    clock = clock or VirtualClock()

    async def start() -> Any:
        return await main(clock)

    with clock.installed():
        return asyncio.run(start()), clock.elapsed


def test_a_timeout_strikes_at_its_time() -> None:
    async def main(clock: VirtualClock) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(3600)
        return clock.elapsed

    assert run(main) == (30.0, 30.0)


def test_wait_for_gives_up_at_its_time() -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 30)

    assert run(main) == (None, 30.0)


@pytest.mark.parametrize("to_thread", [asyncio.to_thread, anyio.to_thread.run_sync])
def test_a_thread_that_sleeps_takes_part(to_thread: Callable[..., Awaitable[None]]) -> None:
    async def main(clock: VirtualClock) -> float:
        async with asyncio.timeout(31):
            await to_thread(time.sleep, 30)
        return clock.elapsed

    assert run(main) == (30.0, 30.0)


def test_a_timeout_strikes_while_a_thread_sleeps_on() -> None:
    async def main(clock: VirtualClock) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.to_thread(time.sleep, 30)
        return clock.elapsed

    assert run(main) == (10.0, 30.0)


def test_a_future_that_nobody_resolves_is_a_deadlock_that_names_task_and_line() -> None:
    async def main(clock: VirtualClock) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualDeadlockError, match=r"in its event loop: Task-\d+ at .*test_loops\.py:\d+ in main"):
        run(main)


def test_a_wait_for_ever_on_the_clock_is_told_to_the_task_that_waits() -> None:
    async def main(clock: VirtualClock) -> str:
        await asyncio.sleep(5)
        with pytest.raises(VirtualDeadlockError):
            await clock.sleep_until(NEVER)
        await asyncio.sleep(1)
        return "went on"

    assert run(main) == ("went on", 6.0)


def test_a_wait_for_ever_lasts_as_long_as_a_timer_may_end_it() -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7):
                await clock.sleep_until(NEVER)

    assert run(main) == (None, 7.0)


def test_sleep_until_is_exact_among_the_loops_own_timers() -> None:
    async def main(clock: VirtualClock) -> list[tuple[str, float]]:
        order: list[tuple[str, float]] = []

        async def ours() -> None:
            await clock.sleep_until(seconds(0.3))
            order.append(("ours", clock.elapsed))

        async def theirs() -> None:
            await asyncio.sleep(0.1)
            await asyncio.sleep(0.2)
            order.append(("theirs", clock.elapsed))

        await asyncio.gather(ours(), theirs())
        return order

    assert run(main) == ([("ours", 0.3), ("theirs", 0.3)], 0.3)


def test_timers_due_in_the_same_instant_fire_in_the_order_in_which_they_were_armed() -> None:
    async def main(clock: VirtualClock) -> list[int]:
        loop, fired = asyncio.get_running_loop(), list[int]()
        for number in range(50):
            # Twenty and thirty tenths are not equal as floats, however they are added up.
            loop.call_at(loop.time() + (0.1 + 0.2 if number % 2 else 0.3), fired.append, number)
        await asyncio.sleep(1)
        return fired

    assert run(main)[0] == list(range(50))


def test_a_timer_years_away_fires_and_does_not_turn_in_place() -> None:
    async def main(clock: VirtualClock) -> None:
        await asyncio.sleep(1e9 + 0.1)
        await asyncio.sleep(0.1)

    assert run(main, VirtualClock(horizon=None))[1] == pytest.approx(1e9 + 0.2)


def test_a_loop_ends_at_the_horizon() -> None:
    async def main(clock: VirtualClock) -> None:
        while clock.elapsed < 1000:  # noqa: ASYNC110 - the loop that polls for ever is the subject
            await asyncio.sleep(7)

    with pytest.raises(HorizonExceededError):
        run(main, VirtualClock(horizon=120))


def test_an_action_wakes_a_loop() -> None:
    async def main(clock: VirtualClock) -> float:
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        clock.call_at("6s", lambda: loop.call_soon_threadsafe(event.set))
        await event.wait()
        return clock.elapsed

    assert run(main) == (6.0, 6.0)


def test_two_loops_two_threads_and_the_main_thread_share_one_order() -> None:
    clock, log = VirtualClock(), list[tuple[str, float]]()

    async def tick(name: str, every_s: float) -> None:
        for _ in range(3):
            await asyncio.sleep(every_s)
            log.append((name, clock.elapsed))

    with clock.installed():
        threads = [threading.Thread(target=lambda a=a: asyncio.run(tick(*a))) for a in (("A", 2.0), ("B", 3.0))]
        for thread in threads:
            thread.start()
        time.sleep(5)
        log.append(("main", clock.elapsed))
        for thread in threads:
            thread.join()
    # At six both are due: B has armed its timer at three, A at four.
    assert log == [("A", 2.0), ("B", 3.0), ("A", 4.0), ("main", 5.0), ("B", 6.0), ("A", 6.0), ("B", 9.0)]


def test_a_loop_that_was_woken_in_between_keeps_its_place_among_equals() -> None:
    clock, order = VirtualClock(), list[str]()

    def other() -> None:
        time.sleep(10)
        order.append("armed second")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(10, order.append, "armed first")
        await asyncio.sleep(0)
        thread = threading.Thread(target=other)
        thread.start()
        clock.call_at("5s", lambda: loop.call_soon_threadsafe(lambda: None))
        await asyncio.sleep(11)

    with clock.installed():
        asyncio.run(main())
    assert order == ["armed first", "armed second"]


def test_a_foreign_loop_inside_of_a_window_keeps_real_time_and_does_not_hang() -> None:
    clock = VirtualClock()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.sleep(0.002)
        assert loop.time() - started >= 0.002
        await clock.sleep_until(seconds(30))

    with clock.installed(), asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())
    assert clock.elapsed == 30.0


def test_a_coroutine_is_awaited_from_another_thread() -> None:
    clock = VirtualClock()
    with clock.installed():
        loop = new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        future = asyncio.run_coroutine_threadsafe(asyncio.sleep(30, "late"), loop)
        with pytest.raises(TimeoutError):
            future.result(timeout=10)
        assert clock.elapsed == 10.0
        assert future.result(timeout=60) == "late"
        assert clock.elapsed == 30.0
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_loop_that_runs_opens_the_window_itself() -> None:
    async def main() -> tuple[float, VirtualClock | None]:
        started = time.monotonic()
        await asyncio.sleep(30)
        return time.monotonic() - started, installed_clock()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        took_s, clock = runner.run(main())
    assert took_s == 30.0
    assert clock is not None
    assert installed_clock() is None


def test_a_loop_made_before_the_window_goes_by_its_clock_and_keeps_its_timers_apart() -> None:
    loop, fired = VirtualTimeLoop(), list[float]()
    loop.call_later(4, lambda: fired.append(clock.elapsed))
    clock = VirtualClock()
    with clock.installed():
        time.sleep(10)
        loop.run_until_complete(asyncio.sleep(5))
        loop.close()
    assert fired == [14.0]
    assert loop.clock is clock


def test_the_loops_time_is_the_programs_monotonic_time() -> None:
    async def main(clock: VirtualClock) -> bool:
        await asyncio.sleep(0.7)
        return asyncio.get_running_loop().time() == time.monotonic() == clock.monotonic()

    assert run(main)[0] is True


def test_anyio_runs_on_it() -> None:
    async def main() -> float:
        with anyio.move_on_after(12):
            await anyio.sleep_forever()
        return anyio.current_time()

    clock = VirtualClock()
    begun = clock.monotonic()
    options = {"loop_factory": lambda: VirtualTimeLoop(clock)}
    assert anyio.run(main, backend="asyncio", backend_options=options) - begun == 12.0


def test_a_loopback_server_in_a_real_thread_answers_before_time_jumps() -> None:
    import socket

    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = server.accept()
        real_sleep(0.002)
        connection.sendall(b"hello")
        connection.close()

    async def main(clock: VirtualClock) -> bytes:
        with in_real_time():
            threading.Thread(target=answer).start()
        reader, writer = await asyncio.open_connection(*server.getsockname())
        async with asyncio.timeout(30):
            heard = await reader.read()
        writer.close()
        return heard

    with server:
        assert run(main) == (b"hello", 0.0)


def test_server_and_client_in_one_loop_keep_virtual_time() -> None:
    async def main(clock: VirtualClock) -> tuple[bytes, float]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(20)
            writer.write(b"late")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        heard = await reader.read()
        writer.close()
        server.close()
        return heard, clock.elapsed

    assert run(main)[0] == (b"late", 20.0)


def test_uvloops_policy_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = type("EventLoopPolicy", (), {"__module__": "uvloop"})()
    monkeypatch.setattr(asyncio.events, "_event_loop_policy", policy)
    monkeypatch.setitem(__import__("sys").modules, "uvloop", policy)
    with pytest.raises(VirtualTimeError, match="its clock is C code"):
        new_event_loop()


def test_a_uvloop_inside_of_a_window_is_refused_where_the_clock_meets_it() -> None:
    class Loop(asyncio.SelectorEventLoop):
        __module__ = "uvloop"

    async def main() -> None:
        with pytest.raises(VirtualTimeError, match=r"Loop, whose clock is C code"):
            await clock.sleep_until(seconds(1))

    clock = VirtualClock()
    with clock.installed(), asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def test_a_window_inside_of_a_foreign_loop_is_refused_and_names_the_fixture() -> None:
    async def main() -> None:
        with pytest.raises(VirtualTimeError, match="take the fixture virtual_time"), VirtualClock().installed():
            pass

    asyncio.run(main())


def test_a_deadline_that_is_a_hair_after_its_moment_does_not_turn_in_place() -> None:
    rounds = 0

    def look(deadline: float, done: asyncio.Future[None]) -> None:
        nonlocal rounds
        rounds += 1
        loop = asyncio.get_running_loop()
        if loop.time() >= deadline or rounds > 100:
            done.set_result(None)
        else:
            loop.call_at(deadline, look, deadline, done)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadline = math.nextafter(loop.time() + 0.34, math.inf)
        done = loop.create_future()
        look(deadline, done)
        await done

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
    assert rounds < 5
