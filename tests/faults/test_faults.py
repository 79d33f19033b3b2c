"""The faults: each strikes where it says, leaves what it took, and refuses what it cannot do."""

from __future__ import annotations

import pytest

from harness import faults
from harness.dialects import BUILT_IN
from harness.model import (
    Head,
    Reply,
    Request,
    Reset,
    Timeline,
    seconds,
)
from harness.spec import Asked, FaultSite

ANSWER = Timeline.of(Head(200), [b"a", b"b", b"c"], at=seconds(1), every=seconds(1))
HEADERS = FaultSite("headers")


def test_a_reset_comes_after_the_chunk_that_it_names() -> None:
    struck = faults.get("reset").apply(ANSWER, FaultSite("chunk", 2), {}, Asked("openai-chat"))
    assert struck.chunks == (b"a", b"b")
    assert struck.events[-1] == (seconds(3), Reset("ReadError", "[Errno 104] Connection reset by peer"))


def test_a_reset_after_a_chunk_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="at chunk 4 of an answer of 3 chunks"):
        faults.get("reset").apply(ANSWER, FaultSite("chunk", 4), {}, Asked("openai-chat"))
    with pytest.raises(ValueError, match="'connect' is no such place"):
        faults.get("reset").apply(ANSWER, FaultSite("connect"), {}, Asked("openai-chat"))


def test_a_stall_delays_everything_or_is_silence_for_ever() -> None:
    stall = faults.get("stall-before-headers")
    later = stall.apply(ANSWER, HEADERS, {"for": "45s"}, Asked("anthropic"))
    assert [at for at, _ in later.events] == [at + seconds(45) for at, _ in ANSWER.events]
    never = stall.apply(ANSWER, HEADERS, {}, Asked("anthropic"))
    assert (never.events, never.left) == ((), "open")
    assert list(stall.sites(never)) == []


@pytest.mark.parametrize("dialect", [d for d in BUILT_IN if d.renders], ids=lambda d: d.name)
@pytest.mark.parametrize("wait", [None, 1.5, 30.0])
def test_a_rate_limit_reads_as_one_in_every_dialect(dialect: object, wait: float | None) -> None:
    name = dialect.name  # type: ignore[attr-defined]
    params = {} if wait is None else {"retry_after": f"{wait}s"}
    fault = faults.get("http-429-rate-limit")
    faults.check_dialect(fault, name)
    struck = fault.apply(ANSWER, HEADERS, {**params, "message": "slow down"}, Asked(name))
    assert struck.head is not None
    assert struck.events[0][0] == seconds(1)
    decoder = dialect.decoder(Request("POST", "https://x.example/"), struck.head)  # type: ignore[attr-defined]
    problem = Reply.of([*decoder.feed(struck.body), *decoder.close()]).problem
    assert problem is not None
    assert (problem.kind, problem.status, problem.retry_after_s, problem.message) == (
        "rate-limit",
        429,
        wait,
        "slow down",
    )


def test_a_wait_can_be_said_in_milliseconds_and_headers_added() -> None:
    params = {"retry_after": "1500ms", "format": "ms", "headers": {"x-should-retry": "false"}}
    struck = faults.get("http-429-rate-limit").apply(ANSWER, HEADERS, params, Asked("openai-chat"))
    assert struck.head is not None
    assert (struck.head.headers.get("retry-after-ms"), struck.head.headers.get("x-should-retry")) == ("1500", "false")
    assert "retry-after" not in struck.head.headers


def test_a_fault_on_a_stalled_answer_waits_with_it() -> None:
    stalled = ANSWER.delayed(seconds(9))
    assert faults.get("http-429-rate-limit").apply(stalled, HEADERS, {}, Asked("ollama")).events[0][0] == seconds(10)


@pytest.mark.parametrize(
    "name,params,message",
    [
        ("stall-before-headers", {"fro": "3s"}, "takes no 'fro'. Did you mean 'for'"),
        ("stall-before-headers", {"for": "soon"}, "is no duration"),
        ("stall-before-headers", {"for": ["3s"]}, "takes a duration"),
        ("reset-mid-stream", {"for": "3s"}, "takes no parameters"),
        ("http-429-rate-limit", {"retry_after": "forever"}, "no server says forever"),
        ("http-429-rate-limit", {"retry_after": {}}, "takes a duration"),
        ("http-429-rate-limit", {"format": "secs"}, "takes one of seconds, ms, http-date, body"),
        ("http-429-rate-limit", {"headers": "x"}, "takes a mapping"),
        ("http-429-rate-limit", {"message": 3}, "takes a text"),
    ],
)
def test_what_a_fault_does_not_take_is_refused_before_it_strikes(
    name: str, params: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        faults.check(faults.get(name), params)  # type: ignore[arg-type]


def test_an_unknown_fault_names_the_nearest_and_where_all_are_listed() -> None:
    with pytest.raises(
        ValueError, match=r"'http-429-ratelimit'. Did you mean 'http-429-rate-limit'.*`harness faults` lists all"
    ):
        faults.get("http-429-ratelimit")


def test_a_place_where_a_fault_never_strikes_is_refused() -> None:
    with pytest.raises(ValueError, match="does not strike at 'chunk', only at: headers"):
        faults.check_point(faults.get("http-429-rate-limit"), "chunk")


def test_a_dialect_without_a_form_is_refused_with_those_that_have_one() -> None:
    fault = faults.get("http-429-rate-limit")
    with pytest.raises(ValueError, match="has no form in bedrock; it has one in: anthropic"):
        faults.check_dialect(fault, "bedrock")
    with pytest.raises(ValueError, match="has no form in bedrock"):
        fault.apply(ANSWER, HEADERS, {}, Asked("bedrock"))


def test_every_form_says_where_it_comes_from() -> None:
    for fault in faults.KNOWN.values():
        for name, form in getattr(fault, "forms", {}).get("dialects", {}).items():
            assert form["source"], (fault.name, name)


@pytest.mark.parametrize("name", [name for name in faults.KNOWN if name.startswith(("http-4", "http-5"))])
@pytest.mark.parametrize("dialect", [d for d in BUILT_IN if d.renders], ids=lambda d: d.name)
def test_a_refusal_reads_as_what_it_is_wherever_it_has_a_form(name: str, dialect: object) -> None:
    fault = faults.get(name)
    if fault.dialects and dialect.name not in fault.dialects:  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="has no form in"):
            fault.apply(ANSWER, HEADERS, {}, Asked(dialect.name))  # type: ignore[attr-defined]
        return
    struck = fault.apply(ANSWER, HEADERS, {}, Asked(dialect.name))  # type: ignore[attr-defined]
    assert struck.head is not None
    decoder = dialect.decoder(Request("POST", "https://x.example/"), struck.head)  # type: ignore[attr-defined]
    problem = Reply.of([*decoder.feed(struck.body), *decoder.close()]).problem
    assert problem is not None
    # A status that Google says twice, and a page of a proxy, which says only its number.
    kinds = {fault.forms["native"]["kind"], *({"rate-limit"} if name == "http-402-billing" else ())}  # type: ignore[attr-defined]
    assert (problem.kind in kinds, problem.status) == (True, struck.head.status)


def test_a_stall_inside_an_answer_delays_what_follows_or_is_silence() -> None:
    stall = faults.get("stall")
    later = stall.apply(ANSWER, FaultSite("chunk", 2), {"for": "30s"}, Asked("native"))
    assert [at for at, _ in later.events] == [seconds(n) for n in (1, 2, 3, 34, 34)]
    never = stall.apply(ANSWER, FaultSite("chunk", 2), {}, Asked("native"))
    assert (never.chunks, never.left) == ((b"a", b"b"), "open")


def test_a_clean_truncation_ends_as_if_nothing_were_missing() -> None:
    cut = faults.get("truncate-clean").apply(ANSWER, FaultSite("chunk", 1), {}, Asked("native"))
    assert (cut.chunks, cut.end) == ((b"a",), "eof")


def test_a_refused_connection_never_waits_for_the_answer_it_replaces() -> None:
    refused = faults.get("connect-refused").apply(ANSWER, FaultSite("connect"), {}, Asked("native"))
    assert refused.events == ((0, Reset("ConnectError", "[Errno 111] Connection refused")),)


def test_a_redirect_leads_back_to_what_was_asked_by_whatever_name_the_server_is_called() -> None:
    request = Request("POST", "http://127.0.0.1:8080/v1/models/x:generate?alt=sse")
    again = faults.get("redirect-307").apply(ANSWER, HEADERS, {}, Asked("gemini", request))
    assert again.head is not None
    assert again.head.headers.get("location") == "/v1/models/x:generate?alt=sse"
    away = faults.get("redirect-307").apply(ANSWER, HEADERS, {"location": "/login"}, Asked("gemini", request))
    assert away.head is not None
    assert away.head.headers.get("location") == "/login"


def test_a_provider_has_other_codes_for_the_same_error() -> None:
    slow = faults.get("http-429-rate-limit").apply(ANSWER, HEADERS, {"code": "slow_down"}, Asked("openai-responses"))
    assert b'"code": "slow_down"' in slow.body
    with pytest.raises(ValueError, match="has no other 'code' in this dialect"):
        faults.get("http-429-rate-limit").apply(ANSWER, HEADERS, {"code": "slow_down"}, Asked("ollama"))


def test_a_page_of_a_proxy_comes_in_any_dialect_and_in_none() -> None:
    page = faults.get("http-502-html-proxy").apply(ANSWER, HEADERS, {}, Asked(""))
    assert b"502 Bad Gateway" in page.body
    with pytest.raises(ValueError, match="has no form in a dialect that is not known; it has one in: anthropic"):
        faults.get("http-401-auth").apply(ANSWER, HEADERS, {}, Asked(""))
