import asyncio
import threading
from typing import Any

import pytest

from harness.engine import Engine, Exchange, Live, aplay, play
from harness.errors import Miss
from harness.model import (
    Chunk,
    End,
    Event,
    Head,
    Headers,
    Interaction,
    Patience,
    Request,
    Reset,
    TimedOut,
    Timeline,
    seconds,
)

PATIENT = Patience()
ASK = Request("POST", "https://api.example/v1/x", body=b"{}")
THREE = Timeline.of(Head(200), [b"a", b"b", b"c"], at=seconds(1), every=seconds(10))


def exchange(
    list_source: Any, timeline: Timeline, patience: Patience = PATIENT, engine: Engine | None = None
) -> Exchange:
    engine = engine or Engine(list_source(Interaction(ASK, timeline, id="#1")))
    opened = engine.open(ASK, seconds(0), patience)
    assert isinstance(opened, Exchange)
    return opened


def test_events_come_at_their_recorded_times(list_source: Any, clock: Any) -> None:
    asked = exchange(list_source, THREE)
    heard = [(clock.now(), event) for event in play(asked, clock)]
    assert heard == list(THREE.events)
    assert asked.entry.outcome == "ok"


def test_the_async_driver_hears_the_same(list_source: Any, clock: Any) -> None:
    async def listen() -> list[tuple[int, Event]]:
        return [(clock.now(), event) async for event in aplay(exchange(list_source, THREE), clock)]

    assert asyncio.run(listen()) == list(THREE.events)


@pytest.mark.parametrize("patience_s, last_at_s", [(9, 10), (0.5, 0.5)])
def test_a_stall_longer_than_patience_is_a_timeout_at_exactly_that_time(
    list_source: Any, clock: Any, patience_s: float, last_at_s: float
) -> None:
    asked = exchange(list_source, THREE, Patience(read=seconds(patience_s)))
    heard = list(play(asked, clock))
    assert heard[-1] == TimedOut("read")
    assert clock.now() == seconds(last_at_s)
    assert asked.entry.outcome == "ReadTimeout"


def test_patience_is_measured_between_reads_and_not_in_all(list_source: Any, clock: Any) -> None:
    assert list(play(exchange(list_source, THREE, Patience(read=seconds(10))), clock))[-1] == End()
    assert clock.now() == seconds(31)


def test_a_total_caps_the_whole_answer(list_source: Any, clock: Any) -> None:
    heard = list(play(exchange(list_source, THREE, Patience(total=seconds(15))), clock))
    assert heard == [Head(200), Chunk(b"a"), TimedOut("read")]
    assert clock.now() == seconds(15)


def test_a_late_reader_gets_what_is_due_at_once(list_source: Any, clock: Any) -> None:
    asked = exchange(list_source, THREE, Patience(read=seconds(1)))
    clock.at = seconds(60)
    assert list(play(asked, clock))[-1] == End()
    assert clock.now() == seconds(60)


@pytest.mark.parametrize("left", ["closed", "cancelled", "open"])
def test_an_answer_that_nobody_heard_to_the_end_never_ends_cleanly(list_source: Any, clock: Any, left: Any) -> None:
    engine = Engine(list_source(Interaction(ASK, THREE.cut(2, left), id="#1")))
    asked = exchange(list_source, THREE, engine=engine)
    heard: list[Event] = []
    with pytest.raises(Miss, match="the wire is silent: #1 stops after 2 chunks"):
        heard.extend(play(asked, clock))
    assert End() not in heard
    assert len(engine.misses) == 1


def test_the_caller_may_end_the_silence_by_its_own_timeout(list_source: Any, clock: Any) -> None:
    asked = exchange(list_source, THREE.cut(1), Patience(read=seconds(30)))
    assert list(play(asked, clock))[-1] == TimedOut("read")
    assert clock.now() == seconds(41)


def test_the_caller_may_end_the_silence_by_its_cancel_event(list_source: Any, clock: Any) -> None:
    asked, wake = exchange(list_source, THREE.cut(1)), threading.Event()
    events = play(asked, clock, wake)
    assert [next(events), next(events)] == [Head(200), Chunk(b"a")]
    wake.set()
    assert list(events) == []
    assert asked.entry.outcome == "cancelled"


def test_a_recorded_timeout_and_a_recorded_reset_are_what_they_were(list_source: Any, clock: Any) -> None:
    for end in (TimedOut("connect"), Reset("ConnectError", "refused")):
        heard = list(play(exchange(list_source, Timeline.failed(end, at=seconds(5))), clock))
        assert heard == [end]


def test_a_caller_that_closes_early_is_known_to_have_closed(list_source: Any, clock: Any) -> None:
    asked = exchange(list_source, THREE)
    events = play(asked, clock)
    next(events)
    events.close()
    assert asked.entry.outcome == "closed"
    assert asked.next_event(clock.now()) is None


def test_a_request_without_an_answer_is_a_miss_and_no_exception_to_a_retry_loop(list_source: Any) -> None:
    engine = Engine(list_source())
    with pytest.raises(Miss, match="the list is empty"):
        engine.open(ASK, seconds(0), Patience())
    assert not issubclass(Miss, Exception)
    assert [entry.outcome for entry in engine.history] == ["miss"]


def test_the_same_request_after_a_failure_is_its_next_attempt(list_source: Any, clock: Any) -> None:
    limited = Timeline.of(Head(429), [b"{}"])
    engine = Engine(list_source(*(Interaction(ASK, timeline) for timeline in (limited, THREE, THREE))))
    for _ in range(3):
        list(play(engine.open(ASK, clock.now(), Patience()), clock))
    assert [(entry.call, entry.attempt) for entry in engine.history] == [(1, 1), (1, 2), (2, 1)]


def test_watchers_hear_of_the_request_and_of_every_event(list_source: Any, clock: Any) -> None:
    engine = Engine(list_source(Interaction(ASK, THREE)))
    heard: list[Event | None] = []
    engine.watchers.append(lambda _, event: heard.append(event))
    list(play(engine.open(ASK, clock.now(), Patience()), clock))
    assert heard == [None, *(event for _, event in THREE.events)]


def test_a_session_that_may_record_goes_live_only_where_the_source_has_no_answer(list_source: Any, clock: Any) -> None:
    from harness.engine import Mode, rights

    engine = Engine(list_source(Interaction(ASK, THREE)), rights(Mode.NEW_EPISODES, exists=True))
    assert isinstance(engine.open(ASK, clock.now(), Patience()), Exchange)
    live = engine.open(ASK, clock.now(), Patience())
    assert isinstance(live, Live)
    live.take.sent(seconds(100))
    live.take.heard(seconds(101), Head(200))
    live.take.heard(seconds(102), Chunk(b"a"))
    live.take.left(seconds(103), "closed")
    live.take.heard(seconds(104), Chunk(b"late"))
    assert live.take.interaction().timeline == Timeline(
        ((seconds(1), Head(200)), (seconds(2), Chunk(b"a"))), "closed", seconds(3)
    )


def test_a_reader_that_closed_after_the_finish_has_heard_it_to_the_end(list_source: Any, clock: Any) -> None:
    chat = Request("POST", "https://api.example/v1/chat/completions", body=b'{"messages": []}')
    said = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":%s}]}\n\n'
    head = Head(200, Headers.of([("content-type", "text/event-stream")]))
    whole = Timeline.of(head, [said % b'"stop"'], every=seconds(1)).cut(1, "closed")
    partial = Timeline.of(head, [said % b"null"], every=seconds(1)).cut(1, "closed")
    engine = Engine(list_source(Interaction(chat, whole), Interaction(chat, partial)))
    assert list(play(engine.open(chat, clock.now(), Patience()), clock))[-1] == End()
    with pytest.raises(Miss, match="the wire is silent"):
        list(play(engine.open(chat, clock.now(), Patience()), clock))
