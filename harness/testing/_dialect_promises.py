"""What a dialect promises, each promise with a trial that judges it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, get_args

from harness.errors import DialectError
from harness.model import Delta, Head, Interaction, Message, Prompt, Reply, Request, Text, Timeline, Usage
from harness.spec import Dialect, Operation

_PIECES: Final = ("Grüße ", "aus ", "Köln ", "🌍!")
_TEXT: Final = "".join(_PIECES)
_REPLY: Final = Reply(_TEXT, finish="stop", usage=Usage(9, 7))
_PROMPT: Final = Prompt((Message("user", "Grüß Gott"),), "m", {"max_tokens": 64})
_STRANGER: Final = Request("GET", "https://stranger.example/favicon.ico")
_STRANGE: Final = (b"\xff\xfe\x00", b"<html>", b"data: {\n\n", b'{"a": ', b"[[[", b"\r\n\r\n", b"null", b'"x"', b"")
_SIZES: Final = (1, 3, 64)


@dataclass(frozen=True, slots=True)
class DialectBench:
    """What is tried: a dialect, and answers of it, of its own making and those that somebody brought."""

    dialect: Dialect
    samples: tuple[Interaction, ...]


@dataclass(frozen=True, slots=True)
class DialectPromise:
    """`trial` returns None where the promise is kept, else what was seen."""

    id: str
    says: str
    trial: Callable[[DialectBench], str | None]

    def seen(self, bench: DialectBench) -> str | None:
        """What was seen where the promise is broken. Whatever the dialect raises is seen, too."""
        try:
            return self.trial(bench)
        except Exception as error:  # noqa: BLE001 - somebody else's code is on trial, and may raise anything
            return f"it raised {error!r}"


def bench_of(dialect: Dialect, samples: Iterable[Interaction]) -> DialectBench:
    """A bench. What the dialect itself cannot make is no sample; the promises about making say so."""
    return DialectBench(dialect, (*samples, *_made(dialect)))


def _made(dialect: Dialect) -> Iterator[Interaction]:
    for stream in (True, False) if dialect.renders else ():
        try:
            request = dialect.encode(_asked(stream=stream), "https://api.example")
            head, chunks = dialect.render(_REPLY, _asked(stream=stream), _PIECES)
            yield Interaction(request, Timeline.of(head, chunks), "sample")
        except Exception:  # noqa: BLE001 - a trial of its own says what was raised
            return


def _own_urls(bench: DialectBench) -> str | None:
    """It recognises its own requests, and leaves those of strangers to others."""
    for sample in bench.samples:
        known = bench.dialect.operation(sample.request)
        if not isinstance(known, Operation) or known.dialect != bench.dialect.name:
            return f"to {sample.request.method} {sample.request.url} it said {known!r}"
    known = bench.dialect.operation(_STRANGER)
    return None if known is None else f"to {_STRANGER.method} {_STRANGER.url} it said {known!r}"


def _frames_join(bench: DialectBench) -> str | None:
    """Its frames, joined, are the body, byte for byte, whatever the body is."""
    heads = [sample.timeline.head or Head(200) for sample in bench.samples] or [Head(200)]
    for head, body in [(h, s.timeline.body) for h, s in zip(heads, bench.samples, strict=False)] + [
        (head, body) for head in heads for body in _STRANGE
    ]:
        if b"".join(bench.dialect.frames(head, body)) != body:
            return f"of {body[:60]!r} it made {bench.dialect.frames(head, body)[:3]!r}"
    return None


def _any_chunking(bench: DialectBench) -> str | None:
    """An answer means the same however its bytes are cut."""
    for sample in bench.samples:
        whole = _decoded(bench.dialect, sample, len(sample.timeline.body) or 1)
        for size in _SIZES:
            if _sum(_decoded(bench.dialect, sample, size)) != _sum(whole):
                return f"in pieces of {size} bytes an answer means something else"
    return None


def _strange_bytes(bench: DialectBench) -> str | None:
    """Its decoder never raises on strange bytes, and gives nothing but deltas."""
    for sample in bench.samples:
        for body in _STRANGE:
            decoder = bench.dialect.decoder(sample.request, sample.timeline.head or Head(200))
            said = [*decoder.feed(body), *decoder.close()]
            strange = [delta for delta in said if not isinstance(delta, get_args(Delta))]
            if strange:
                return f"of {body!r} it made {strange[0]!r}"
    return None


def _refuses_bodies(bench: DialectBench) -> str | None:
    """A request whose body is not what the dialect says is a DialectError."""
    for sample in bench.samples:
        for body in (b"\xff\xfe", b"[]", b""):
            asked = Request("POST", sample.request.url, sample.request.headers, body)
            try:
                made = bench.dialect.prompt(asked)
            except DialectError:
                continue
            return f"of the body {body!r} it made {made!r}"
    return None


def _reads_what_it_writes(bench: DialectBench) -> str | None:
    """The prompt that it encodes is the one that it reads: every text, and which model is asked."""
    if bench.dialect.renders:
        read = bench.dialect.prompt(bench.dialect.encode(_asked(stream=True), "https://api.example"))
        if [m.content for m in read.messages] != [m.content for m in _PROMPT.messages]:
            return f"it reads {read.messages!r}"
        asked = bench.dialect.operation(bench.dialect.encode(_asked(stream=True), "https://api.example"))
        if "m" not in {read.model, asked.model if asked else ""}:
            return f"the model 'm' is asked as {read.model!r}"
    return None


def _says_what_was_meant(bench: DialectBench) -> str | None:
    """The reply that it renders is the one that it decodes."""
    for stream in (True, False) if bench.dialect.renders else ():
        asked = _asked(stream=stream)
        head, chunks = bench.dialect.render(_REPLY, asked, _PIECES)
        request = bench.dialect.encode(asked, "https://api.example")
        read = _sum(_decoded(bench.dialect, Interaction(request, Timeline.of(head, chunks), ""), 1 << 20))
        if (read.text, read.finish) != (_TEXT, "stop"):
            return f"{'streamed' if stream else 'whole'} it reads {read.text!r}, finished by {read.finish!r}"
    return None


def _streams_the_pieces(bench: DialectBench) -> str | None:
    """A stream carries the pieces of the text that it was given, one delta each."""
    if not bench.dialect.renders:
        return None
    asked = _asked(stream=True)
    head, chunks = bench.dialect.render(_REPLY, asked, _PIECES)
    sample = Interaction(bench.dialect.encode(asked, "https://api.example"), Timeline.of(head, chunks), "")
    said = tuple(d.text for d in _decoded(bench.dialect, sample, 1 << 20) if isinstance(d, Text) and d.text)
    return None if said == _PIECES else f"it streams {said!r}"


DIALECT_PROMISES: Final[tuple[DialectPromise, ...]] = tuple(
    DialectPromise(id_, " ".join((trial.__doc__ or "").split()), trial)
    for id_, trial in (
        ("knows-its-own-requests", _own_urls),
        ("frames-join-to-the-body", _frames_join),
        ("reads-alike-at-any-chunking", _any_chunking),
        ("never-raises-on-strange-bytes", _strange_bytes),
        ("refuses-bodies-that-are-none", _refuses_bodies),
        ("reads-the-prompt-it-writes", _reads_what_it_writes),
        ("reads-the-reply-it-renders", _says_what_was_meant),
        ("streams-the-pieces-it-is-given", _streams_the_pieces),
    )
)
"""Every promise of a dialect, in the order in which they are tried."""


def _asked(*, stream: bool) -> Prompt:
    return Prompt(_PROMPT.messages, _PROMPT.model, _PROMPT.parameters, (), stream)


def _decoded(dialect: Dialect, sample: Interaction, size: int) -> list[Delta]:
    decoder = dialect.decoder(sample.request, sample.timeline.head or Head(200))
    body = sample.timeline.body
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return [delta for piece in pieces for delta in decoder.feed(piece)] + decoder.close()


def _sum(deltas: list[Delta]) -> Reply:
    """What was said in all, however it was cut."""
    said = Reply.of(deltas)
    return Reply(
        said.text,
        said.thinking,
        said.refusal,
        said.tool_calls,
        said.finish,
        said.native_finish,
        said.usage,
        said.problem,
    )
