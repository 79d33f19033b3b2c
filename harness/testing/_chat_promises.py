"""The promises of the chat contract: answers, streams, failures, health."""

from __future__ import annotations

import json

from harness.model import ToolCall
from harness.testing._bench import Bench, field_of
from harness.testing._promise import Promises
from harness.testing._prompt_promises import silent, stalled
from harness.testing._script import Act, Script

PROMISES = Promises()
_PIECES = ("One ", "two ", "three.")
_CALL = {"tool": "move", "to": "north"}
_SAID = "You walk on."


@PROMISES.promise("complete-returns-the-text", "chat")
def _text(bench: Bench) -> str | None:
    """`complete` returns the model's text as `narrative_text`."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        outcome = bench.complete(backend)
    fine = outcome.error is None and field_of(outcome.value, "narrative_text") == "".join(_PIECES)
    return None if fine else str(outcome)


@PROMISES.promise("no-tool-call-is-none", "chat")
def _no_call(bench: Bench) -> str | None:
    """Where the text has no tool call, `tool_call` is None."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.error is not None or field_of(outcome.value, "tool_call") is None else str(outcome)


@PROMISES.promise("a-clean-end-is-stop", "chat")
def _stop(bench: Bench) -> str | None:
    """An answer that the model ended itself has `finish_reason="stop"`."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.error is not None or field_of(outcome.value, "finish_reason") == "stop" else str(outcome)


@PROMISES.promise("truncation-is-length", "chat")
def _length(bench: Bench) -> str | None:
    """An answer that was cut at the token limit has `finish_reason="length"`."""
    with bench.backend(Script.of(Act(_PIECES, finish="length"))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.error is not None or field_of(outcome.value, "finish_reason") == "length" else str(outcome)


@PROMISES.promise("the-stream-is-the-answer", "chat")
def _joined(bench: Bench) -> str | None:
    """The tokens of `stream_tokens`, joined, are the text that `complete` returns."""
    with bench.backend(Script.of(Act(_PIECES))) as backend:
        stream = bench.stream(backend)
    fine = stream.error is None and "".join(stream.tokens) == "".join(_PIECES)
    return None if fine else f"{stream}, the model said {''.join(_PIECES)!r}"


@PROMISES.promise("tokens-come-as-they-are-said", "chat")
def _as_they_come(bench: Bench) -> str | None:
    """A token is handed on when it arrives, not when the answer is whole."""
    at: list[float] = []
    gap_s = bench.timeout_s / 10
    with bench.backend(Script.of(Act(_PIECES, gap_s=gap_s))) as backend:
        stream = bench.stream(backend, heard=lambda _token: at.append(bench.now()))
    if stream.error is not None or not at:
        return None
    spread_s = at[-1] - at[0]
    return None if spread_s >= gap_s else f"{len(at)} tokens within {spread_s:.3g} s, said over {2 * gap_s:g} s"


@PROMISES.promise("a-stream-leaves-its-finish-reason", "chat")
def _last_reason(bench: Bench) -> str | None:
    """After a stream `last_finish_reason` says how it ended."""
    for finish in ("stop", "length"):
        with bench.backend(Script.of(Act(_PIECES, finish=finish))) as backend:
            stream = bench.stream(backend)
            got = getattr(backend, "last_finish_reason", None)
        if stream.error is None and got != finish:
            return f"last_finish_reason={got!r} after a stream that ended with {finish!r}"
    return None


@PROMISES.promise("no-model-is-a-connection-error", "chat")
def _refused(bench: Bench) -> str | None:
    """A model that cannot be reached is LLMConnectionError, from `complete`."""
    with bench.backend(Script.of(Act(refused=True))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.raised(bench.types.connection_error) else str(outcome)


@PROMISES.promise("a-stream-without-a-model-is-a-connection-error", "chat")
def _stream_refused(bench: Bench) -> str | None:
    """A model that cannot be reached is LLMConnectionError, from `stream_tokens`."""
    with bench.backend(Script.of(Act(refused=True))) as backend:
        outcome = bench.stream(backend)
    return None if outcome.raised(bench.types.connection_error) else str(outcome)


@PROMISES.promise("a-server-error-is-a-connection-error", "chat")
def _server_error(bench: Bench) -> str | None:
    """HTTP 5xx is LLMConnectionError."""
    with bench.backend(Script.of(Act.failing(500, "server-error"))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.raised(bench.types.connection_error) else str(outcome)


@PROMISES.promise("a-lost-answer-is-a-connection-error", "chat")
def _lost(bench: Bench) -> str | None:
    """A connection that is reset in the middle of an answer is LLMConnectionError, from `complete`."""
    with bench.backend(Script.of(Act(_PIECES, then="reset"))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.raised(bench.types.connection_error) else str(outcome)


@PROMISES.promise("a-lost-stream-is-a-connection-error", "chat")
def _stream_lost(bench: Bench) -> str | None:
    """A stream whose connection is reset ends with LLMConnectionError, and not as if it were whole."""
    with bench.backend(Script.of(Act(_PIECES, then="reset"))) as backend:
        stream = bench.stream(backend)
    return None if stream.raised(bench.types.connection_error) else str(stream)


@PROMISES.promise("a-lost-stream-keeps-its-tokens", "chat")
def _stream_kept(bench: Bench) -> str | None:
    """The tokens that arrived before the connection was lost are handed on before the exception."""
    with bench.backend(Script.of(Act(_PIECES, gap_s=bench.timeout_s / 20, then="reset"))) as backend:
        stream = bench.stream(backend)
    fine = stream.error is None or "".join(stream.tokens) == "".join(_PIECES)
    return None if fine else f"{stream}, {''.join(_PIECES)!r} had arrived"


@PROMISES.promise("a-timeout-is-a-connection-error", "chat")
def _timeout(bench: Bench) -> str | None:
    """`complete` past the cap raises LLMConnectionError (LLMTimeout is one)."""
    with bench.backend(silent(bench)) as backend:
        outcome = bench.complete(backend)
    return None if outcome.raised(bench.types.connection_error) else str(outcome)


@PROMISES.promise("a-stalled-stream-is-a-connection-error", "chat")
def _stream_stalled(bench: Bench) -> str | None:
    """A stream that stalls past the cap raises LLMConnectionError after its tokens."""
    with bench.backend(stalled(bench, *_PIECES)) as backend:
        stream = bench.stream(backend)
    return None if stream.raised(bench.types.connection_error) else str(stream)


@PROMISES.promise("nonsense-is-a-parse-error", "chat")
def _garbage(bench: Bench) -> str | None:
    """An answer that is not what its content type says is LLMParseError."""
    with bench.backend(Script.of(Act(garbage=True))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.raised(bench.types.parse_error) else str(outcome)


@PROMISES.promise("a-block-in-the-text-is-a-tool-call", "chat")
def _block(bench: Bench) -> str | None:
    """The JSON of a `~~~json` block is the tool call, and what stands around it is the narrative."""
    raw = f"{_SAID}\n~~~json\n{json.dumps(_CALL)}\n~~~"
    with bench.backend(Script.of(Act((raw[:20], raw[20:])))) as backend:
        outcome = bench.complete(backend)
    if outcome.error is not None:
        return None
    got = (str(field_of(outcome.value, "narrative_text")).strip(), field_of(outcome.value, "tool_call"))
    return None if got == (_SAID, _CALL) else str(outcome)


@PROMISES.promise("a-broken-block-is-no-exception", "chat")
def _broken_block(bench: Bench) -> str | None:
    """A block whose JSON cannot be decoded is no tool call (None), and no exception."""
    with bench.backend(Script.of(Act((f"{_SAID}\n~~~json\n", '{"tool": \n~~~')))) as backend:
        outcome = bench.complete(backend)
    return None if outcome.error is None and field_of(outcome.value, "tool_call") is None else str(outcome)


@PROMISES.promise("a-tool-call-of-the-wire-is-one", "chat")
def _wire_call(bench: Bench) -> str | None:
    """A tool call of the wire is `{"name", "arguments"}` where the text has no block."""
    call = ToolCall("move", '{"to": "north"}', "call_1")
    with bench.backend(Script.of(Act(tool=call))) as backend:
        outcome = bench.complete(backend)
    got = field_of(outcome.value, "tool_call")
    return None if got == {"name": "move", "arguments": {"to": "north"}} else str(outcome)


@PROMISES.promise("fences-are-understood", "chat")
def _fences(bench: Bench) -> str | None:
    """`parse_tool_call` reads a ```` ```json ```` fence, bare fences, and bare JSON as well."""
    text = json.dumps(_CALL)
    with bench.backend(Script()) as backend:
        for raw in (f"```json\n{text}\n```", f"~~~\n{text}\n~~~", f"```\n{text}\n```", f"so: {text}"):
            narrative_and_call = backend.parse_tool_call(f"{_SAID}\n{raw}")
            if narrative_and_call[1] != _CALL:
                return f"parse_tool_call({raw!r}) returned {narrative_and_call!r}"
    return None


@PROMISES.promise("available-when-up", "chat")
def _up(bench: Bench) -> str | None:
    """`is_available` is True where the model would answer."""
    with bench.backend(Script()) as backend:
        got = backend.is_available()
    return None if got is True else f"is_available() returned {got!r}"


@PROMISES.promise("unavailable-when-down", "chat")
def _down(bench: Bench) -> str | None:
    """`is_available` is False where it would not, and never raises."""
    with bench.backend(Script(available=False)) as backend:
        try:
            got = backend.is_available()
        except Exception as error:  # noqa: BLE001 - that it raises, whatever it is, is what the promise forbids
            return f"is_available() raised {error!r}"
    return None if got is False else f"is_available() returned {got!r}"


@PROMISES.promise("usable-after-a-failure", "chat")
def _usable(bench: Bench) -> str | None:
    """After a lost answer the next call is answered."""
    with bench.backend(Script.of(Act(_PIECES, then="reset"), Act(("fine",)))) as backend:
        bench.complete(backend)
        again = bench.complete(backend)
    return None if again.error is None else f"the call after a lost answer: {again}"
