"""Places: events, times and stars come down to one very answer, and a strike is where and when it says."""

from __future__ import annotations

import pytest

import harness
from harness import faults
from harness.engine import Engine
from harness.model import (
    NEVER,
    ZERO,
    Case,
    Chunk,
    Head,
    Headers,
    Interaction,
    Nanos,
    Patience,
    Reset,
    TimedOut,
    Timeline,
    as_seconds,
    milliseconds,
    seconds,
)
from harness.spec import Asked, FaultSite, Found, Mismatch, Source
from tests.faults.answers import TEXT, answer, meaning, spoken

CHAT = spoken("openai-chat", stream=True)
CLAUDE = spoken("anthropic", stream=True)


def struck(case: str, given: Interaction, asked_at: Nanos = ZERO) -> Timeline:
    overlay = faults.FaultOverlay.of([case])
    made = overlay.strike(1, 1, given, asked_at).timeline
    assert not overlay.unstruck(), overlay.unstruck()
    return made


def text(given: Interaction, timeline: Timeline) -> str:
    return meaning(Interaction(given.request, timeline, "a")).text


def test_an_event_is_named_by_its_type_and_its_number() -> None:
    assert text(CLAUDE, struck("call=1/event=content_block_delta[2]/kind=reset", CLAUDE)) == "Grüße aus "
    assert text(CLAUDE, struck("call=1/event=content_block_delta/kind=reset", CLAUDE)) == "Grüße "
    assert struck("call=1/event=message_stop/kind=stall", CLAUDE).is_open


def test_an_event_without_a_name_goes_by_its_object_or_its_fields() -> None:
    assert text(CHAT, struck("call=1/event=chat.completion.chunk[3]/kind=reset", CHAT)) == "Grüße aus "
    native = spoken("native", stream=True)
    assert text(native, struck("call=1/event=text[3]/kind=reset", native)) == "Grüße aus Köln "


def test_an_event_in_the_middle_of_a_chunk_is_cut_there() -> None:
    whole = Interaction(CLAUDE.request, CLAUDE.timeline.rechunked(()), "a")
    assert text(whole, struck("call=1/event=content_block_delta[2]/kind=eof", whole)) == "Grüße aus "


@pytest.mark.parametrize(
    "dialect, kind",
    [
        ("cohere", "content-delta"),
        ("bedrock-converse", "contentBlockDelta"),
        ("bedrock-invoke", "content_block_delta"),
        ("openai-responses", "response.output_text.delta"),
    ],
)
def test_an_event_of_a_binary_stream_has_its_name_too(dialect: str, kind: str) -> None:
    given = spoken(dialect, stream=True)
    assert text(given, struck(f"call=1/event={kind}[2]/kind=reset", given)) == "Grüße aus "
    for size in (1, 1000):  # where an event stands does not depend on how it came
        cut = given.timeline.rechunked([size] * (len(given.timeline.body) // size + 1))
        other = Interaction(given.request, cut, "a")
        assert text(other, struck(f"call=1/event={kind}[2]/kind=reset", other)) == "Grüße aus "


@pytest.mark.parametrize("place", ["event=content_block_delta[99]", "event=nonsense", "byte=99999", "chunk=99"])
def test_a_place_that_an_answer_does_not_have_is_not_struck(place: str) -> None:
    overlay = faults.FaultOverlay.of([f"call=1/{place}/kind=reset"])
    assert overlay.strike(1, 1, CLAUDE) is CLAUDE
    assert "never struck: that answer has" in overlay.unstruck()[0]


def test_an_answer_without_what_a_fault_looks_for_stays_and_the_fault_says_why() -> None:
    overlay = faults.FaultOverlay.of(["call=1/kind=tool-unknown-name", "call=1/kind=length-in-block"])
    assert overlay.strike(1, 1, CHAT) is CHAT
    assert [line.partition("never struck")[2] for line in overlay.unstruck()] == [
        ": this answer calls no tool",
        ": this answer has no fenced block",
    ]


def test_a_star_is_every_chunk() -> None:
    slow = struck("call=1/chunk=*/kind=slow-gap,for=1s", CHAT)
    chunks = [at for at, event in slow.events if isinstance(event, Chunk)]
    before = [at for at, event in CHAT.timeline.events if isinstance(event, Chunk)]
    assert [after - at for after, at in zip(chunks, before, strict=True)] == [seconds(n) for n in range(len(chunks))]
    assert struck("call=1/chunk=*/kind=reset", CHAT).chunks == CHAT.timeline.chunks[:1]


def test_a_fault_in_the_middle_may_strike_before_the_first_chunk() -> None:
    for kind in ("reset", "eof", "stall", "truncate-clean", "slow-gap", "error-event"):
        made = struck(f"call=1/headers/kind={kind}", CHAT)
        assert made.head == CHAT.timeline.head
        assert made != CHAT.timeline
        assert (CHAT.timeline.chunks[0] in made.chunks) == (kind == "slow-gap")
        assert text(CHAT, made) == (TEXT if kind == "slow-gap" else "")


def test_a_time_strikes_what_is_in_flight_then() -> None:
    late = Interaction(CHAT.request, CHAT.timeline.delayed(seconds(10)), "a")
    made = struck("t=10115ms/kind=reset", late)
    assert made.events[-1] == (milliseconds(10_115), Reset("ReadError", "[Errno 104] Connection reset by peer"))
    assert len(made.chunks) == 1


def test_a_time_before_the_next_answer_strikes_that_one_once() -> None:
    overlay = faults.FaultOverlay.of(["t=3s/kind=http-500-server-error"])
    first = overlay.strike(1, 1, CHAT, seconds(1))
    second = overlay.strike(2, 1, CHAT, seconds(5))
    third = overlay.strike(3, 1, CHAT, seconds(9))
    assert first is CHAT
    assert second.timeline.head is not None
    assert second.timeline.head.status == 500
    assert third is CHAT


@pytest.mark.parametrize(
    "case,message",
    [
        ("call=1/chunk=3/kind=http-429-rate-limit", "does not strike at 'chunk', only at: headers"),
        ("call=1/await=2/kind=reset", "does not strike at 'await'"),
        ("call=1/event=ping/kind=missing-terminator", "does not strike at 'event', only at: end"),
        ("call=1/kind=latency,add=soon", "is no duration"),
        ("call=1/kind=slow-drip,rate=0", "'rate' takes a whole number from 1"),
        ("call=1/kind=error-event,error=sad", "'error' takes one of server-error, overloaded"),
        ("call=1/kind=garbage-instead-of-http,bytes=", "'bytes' takes at least one byte"),
    ],
)
def test_a_place_or_a_value_that_cannot_be_is_refused_at_load(case: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        faults.FaultOverlay.of([case])


def test_a_case_reads_back_what_it_prints() -> None:
    case = "call=1/chunk=2/kind=slow-drip,rate=50,bytes=2"
    assert str(Case.parse(case)) == case


LOGNORMAL = {"add": {"lognormal": {"median": "800ms", "sigma": 0.4}}}


def delay(params: dict[str, object], call: int = 1, attempt: int = 1) -> float:
    asked = Asked("openai-chat", None, call, attempt)
    fault = faults.get("latency")
    made = fault.apply(CHAT.timeline, FaultSite("headers"), params, asked)  # type: ignore[arg-type]
    return as_seconds(Nanos(made.events[0][0] - CHAT.timeline.events[0][0]))


def test_a_drawn_latency_is_the_same_in_every_run_and_another_at_every_call() -> None:
    drawn = [delay(LOGNORMAL, call) for call in range(1, 400)]
    assert drawn == [delay(LOGNORMAL, call) for call in range(1, 400)]
    assert len(set(drawn)) == len(drawn)
    assert 0.7 < sorted(drawn)[200] < 0.9  # the median that was asked for
    assert delay({**LOGNORMAL, "seed": 7}) != delay(LOGNORMAL) != delay(LOGNORMAL, attempt=2)
    assert delay({"add": "lognormal:800ms:0.4"}) == delay(LOGNORMAL)
    even = [delay({"add": {"uniform": ["1s", "3s"]}}, call) for call in range(1, 200)]
    assert 1 <= min(even) < 1.2
    assert 2.8 < max(even) <= 3


@pytest.mark.parametrize(
    "add",
    [{"lognormal": {"median": "1s"}}, {"uniform": ["3s", "1s"]}, {"normal": {}}, "forever", True, {"uniform": ["1s"]}],
)
def test_a_distribution_that_is_none_is_refused(add: object) -> None:
    with pytest.raises(ValueError, match=r"'add' takes|is no duration"):
        faults.check(faults.get("latency"), {"add": add})  # type: ignore[dict-item]


class One(Source):
    name = "one"

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def find(self, request: harness.Request) -> Found | Mismatch:
        return Found(Interaction(request, self._timeline, "a"))

    def unplayed(self) -> list[str]:
        return []


def test_a_date_is_written_for_the_moment_of_the_answer() -> None:
    head = Head(429, Headers((("x", "y"),)), "", (("retry-after", seconds(30)),))
    source = One(Timeline.of(head, [b"x"], at=milliseconds(200)))
    engine = Engine(source, opened_at=seconds(5), opened_on=Nanos(1_767_225_600 * 10**9))
    exchange = engine.open(CHAT.request, seconds(7), Patience())
    played = exchange.interaction.timeline.head  # type: ignore[union-attr]
    assert played is not None
    # Opened at midnight, asked two seconds later, answered 0.2 s after that: a date has whole seconds, so the next one.
    assert played.headers.pairs == (("x", "y"), ("retry-after", "Thu, 01 Jan 2026 00:00:33 GMT"))
    assert played.dated == ()


def due(timeline: Timeline, patience: Patience) -> list[tuple[float, str]]:
    """When what comes, to a caller that waits no longer than it says."""
    exchange = Engine(One(timeline)).open(CHAT.request, Nanos(0), patience)
    heard: list[tuple[float, str]] = []
    now = Nanos(0)
    while (then := exchange.next_event(now)) is not None and then.event is not None:  # type: ignore[union-attr]
        now = then.at
        what = then.event
        heard.append((as_seconds(now), what.phase if isinstance(what, TimedOut) else type(what).__name__))
        exchange.delivered(now, what)  # type: ignore[union-attr]
    return heard


def test_connecting_is_measured_by_the_connect_timeout_and_not_by_that_for_reading() -> None:
    slow = Timeline.of(Head(200), [b"x"], at=seconds(1)).connected_after(seconds(10))
    assert due(slow, Patience(connect=seconds(5), read=seconds(60))) == [(5.0, "connect")]
    assert due(slow, Patience(connect=seconds(20), read=seconds(2))) == [(11.0, "Head"), (11.0, "Chunk"), (11.0, "End")]
    assert due(slow, Patience(connect=seconds(20), read=milliseconds(500))) == [(10.5, "read")]
    assert due(slow, Patience(connect=seconds(20), total=seconds(3))) == [(3.0, "read")]


def test_silence_while_connecting_ends_with_the_callers_connect_timeout() -> None:
    silent = Timeline.failed(TimedOut("connect"), at=NEVER)
    assert due(silent, Patience(connect=seconds(5), read=seconds(1))) == [(5.0, "connect")]
    busy = Timeline.failed(TimedOut("pool"), at=NEVER)
    assert due(busy, Patience(connect=seconds(1), pool=seconds(9))) == [(9.0, "pool")]


def test_a_timeline_that_is_cut_keeps_how_long_it_took_to_connect() -> None:
    slow = CHAT.timeline.connected_after(seconds(3))
    for made in (slow.cut(1), slow.cut(1).then(Reset()), slow.rechunked([3]), slow.delayed(seconds(1))):
        assert made.connected_at == seconds(3)


def test_an_eof_says_how_much_had_come_where_the_head_says_how_much_was_to_come() -> None:
    sized = Timeline.of(Head(200, Headers((("content-length", "3"),))), [b"a", b"b", b"c"])
    made = faults.get("eof").apply(sized, FaultSite("chunk", 2), {}, Asked("native"))
    said = made.events[-1][1]
    assert isinstance(said, Reset)
    assert said.message.endswith("(received 2 bytes, expected 3)")
    clean = faults.get("truncate-clean").apply(sized, FaultSite("chunk", 2), {}, Asked("native"))
    assert clean.head is not None
    assert "content-length" not in clean.head.headers


def test_what_goes_below_http_says_so() -> None:
    for kind in ("bad-chunk-size", "garbage-instead-of-http", "header-too-large"):
        assert struck(f"call=1/kind={kind}", CHAT).is_below_http
        assert not struck(f"call=1/kind={kind}", spoken("native", stream=True)).is_below_http


def test_a_letter_is_cut_in_the_middle() -> None:
    number = next(n for n, chunk in enumerate(CHAT.timeline.chunks, 1) if "ö".encode() in chunk)
    made = struck(f"call=1/chunk={number}/kind=cut-mid-chunk,where=letter", CHAT)
    with pytest.raises(UnicodeDecodeError):
        made.body.decode()


def test_whole_answers_have_no_events_to_be_struck() -> None:
    whole = answer("openai-chat", meaning(CHAT), stream=False)
    for kind in ("error-event", "duplicate-event", "missing-terminator"):
        assert not list(faults.get(kind).sites(whole.timeline))
