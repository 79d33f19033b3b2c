"""check_dialect: every built-in dialect keeps the promises, and a planted one breaks each of them alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.dialects import BUILT_IN, get
from harness.errors import DialectError, PromiseBrokenError
from harness.model import Delta, Head, Interaction, Prompt, Reply, Request
from harness.spec import Decoder, Operation
from harness.testing import check_dialect
from harness.testing._dialect_promises import DIALECT_PROMISES

CASSETTES = Path(__file__).parents[2] / "cassettes"
RECORDED: dict[str, list[Interaction]] = {
    "openai-responses": [
        harness.load(CASSETTES / f"openai-responses-{what}.yaml").interactions[0] for what in ("streaming", "unary")
    ]
}
Chat: Any = type(get("openai-chat"))


@pytest.mark.parametrize("dialect", BUILT_IN, ids=lambda dialect: dialect.name)
def test_a_built_in_dialect_keeps_every_promise(dialect: Any) -> None:
    samples = RECORDED.get(dialect.name, [])
    if not dialect.renders and not samples:
        with pytest.raises(ValueError, match="pass recorded answers"):
            check_dialect(dialect)
        return
    assert len(check_dialect(dialect, samples).kept) == len(DIALECT_PROMISES)


PLANTED: dict[str, Any] = {}


def breaks(promise: str) -> Any:
    def plant(cls: type) -> type:
        assert promise not in PLANTED
        PLANTED[promise] = cls()
        return cls

    return plant


@breaks("knows-its-own-requests")
class Greedy(Chat):
    def operation(self, request: Request) -> Operation | None:
        return super().operation(request) or Operation(self.name, "openai.chat")


@breaks("frames-join-to-the-body")
class Tidy(Chat):
    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        return tuple(frame.strip() for frame in super().frames(head, body))


class Wrapped:
    def __init__(self, inner: Decoder) -> None:
        self.inner = inner

    def feed(self, data: bytes) -> list[Delta]:
        return self.inner.feed(data)

    def close(self) -> list[Delta]:
        return self.inner.close()


@breaks("reads-alike-at-any-chunking")
class Impatient(Chat):
    def decoder(self, request: Request, head: Head) -> Decoder:
        class Forgets(Wrapped):
            def feed(self, data: bytes) -> list[Delta]:
                return super().feed(data) if len(data) > 2 else []

        return Forgets(super().decoder(request, head))


@breaks("never-raises-on-strange-bytes")
class Strict(Chat):
    def decoder(self, request: Request, head: Head) -> Decoder:
        class Checks(Wrapped):
            def feed(self, data: bytes) -> list[Delta]:
                if b"\xff" in data:
                    data.decode()
                return super().feed(data)

        return Checks(super().decoder(request, head))


@breaks("refuses-bodies-that-are-none")
class Lenient(Chat):
    def prompt(self, request: Request) -> Prompt:
        try:
            return super().prompt(request)  # type: ignore[no-any-return]
        except DialectError:
            return Prompt()


@breaks("reads-the-prompt-it-writes")
class Loses(Chat):
    def prompt(self, request: Request) -> Prompt:
        read = super().prompt(request)
        return Prompt(read.messages[1:], read.model, read.parameters, read.tools, read.stream)


@breaks("reads-the-reply-it-renders")
class Shortens(Chat):
    def render(self, reply: Reply, prompt: Prompt, pieces: Sequence[str]) -> tuple[Head, tuple[bytes, ...]]:
        if prompt.stream:
            return super().render(reply, prompt, pieces)  # type: ignore[no-any-return]
        return super().render(Reply(reply.text[:3], finish=reply.finish), prompt, pieces)  # type: ignore[no-any-return]


@breaks("streams-the-pieces-it-is-given")
class Lumps(Chat):
    def render(self, reply: Reply, prompt: Prompt, pieces: Sequence[str]) -> tuple[Head, tuple[bytes, ...]]:
        return super().render(reply, prompt, ["".join(pieces)])  # type: ignore[no-any-return]


@pytest.mark.parametrize("promise", [promise.id for promise in DIALECT_PROMISES])
def test_a_broken_dialect_is_caught_by_its_promise_and_by_no_other(promise: str) -> None:
    with pytest.raises(PromiseBrokenError, match="1 broken") as raised:
        check_dialect(PLANTED[promise])
    assert f"promise {promise}: broken" in str(raised.value)


def test_what_is_no_dialect_and_what_is_no_promise_are_told() -> None:
    with pytest.raises(TypeError, match="is no dialect"):
        check_dialect(object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no promise is called tidy"):
        check_dialect(get("native"), skip=["tidy"])
