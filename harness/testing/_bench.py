"""The bench on which a promise is tried: a backend with a script, what it was asked, and what came of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.contract import Types
from harness.testing._script import PROMPT, Script

MakeBackend = Callable[[Script], Any]
Run = Callable[[Coroutine[Any, Any, Any]], Any]
MESSAGES = ({"role": "user", "content": PROMPT},)
_SHOWN_MAX = 80


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: a value or an exception, the tokens before it, and how long it took, in seconds."""

    verb: str
    took_s: float
    value: Any = None
    error: BaseException | None = None
    tokens: tuple[str, ...] = ()

    def raised(self, kind: type[BaseException] | tuple[type[BaseException], ...]) -> bool:
        """True where it ended in a `kind`."""
        return isinstance(self.error, kind)

    def __str__(self) -> str:
        """As it stands in a report: `generate returned '' after 30 s`."""
        after = f"after {self.took_s:.3g} s"
        said = f" and said {_short(''.join(self.tokens))}" if self.tokens else ""
        if self.error is not None:
            return f"{self.verb} raised {type(self.error).__name__}({_short(str(self.error))}) {after}{said}"
        return f"{self.verb} returned {_short(self.value)} {after}{said}"


@dataclass(slots=True)
class Ears:
    """What `on_status` heard, and when, in seconds since `asked_at`."""

    now: Callable[[], float]
    asked_at: float
    heard: list[tuple[float, str]] = field(default_factory=list)
    then: Callable[[], object] | None = None

    def __call__(self, text: str) -> None:
        self.heard.append((self.now() - self.asked_at, str(text)))
        if self.then is not None:
            self.then()


@dataclass(frozen=True, slots=True)
class Bench:
    """How to make backends, which exceptions to expect of them, and how long things take, in seconds."""

    make: MakeBackend
    types: Types
    timeout_s: float
    retry_after_s: float
    run: Run
    clock: Callable[[], float] | None = None

    def now(self) -> float:
        """Seconds by the clock that the backend waits by. Not a default argument: a window of virtual time replaces
        it."""
        return self.clock() if self.clock is not None else time.monotonic()

    @contextmanager
    def backend(self, script: Script) -> Iterator[Any]:
        """A fresh backend that plays `script`: what `make_backend` returned, or what its context manager enters."""
        made = self.make(script)
        if isinstance(made, AbstractContextManager):
            with made as backend:
                yield backend
        else:
            yield made

    def ears(self) -> Ears:
        """Something to listen to `on_status` with."""
        return Ears(self.now, self.now())

    def complete(self, backend: Any, **parameters: Any) -> Outcome:
        """`backend.complete` with the suite's prompt."""
        return self._timed("complete", lambda: backend.complete(list(MESSAGES), **parameters))

    def generate(self, backend: Any) -> Outcome:
        """`backend.generate` with the suite's prompt."""
        return self._timed("generate", lambda: self.run(backend.generate(PROMPT)))

    def stream(self, backend: Any, *, heard: Callable[[str], object] | None = None) -> Outcome:
        """All of `backend.stream_tokens`; `heard` is called with every token."""
        tokens: list[str] = []

        def listen() -> str:
            for token in backend.stream_tokens(list(MESSAGES)):
                tokens.append(token)
                if heard is not None:
                    heard(token)
            return "".join(tokens)

        return self._timed("stream_tokens", listen, tokens)

    def acomplete(self, backend: Any) -> Outcome:
        """`backend.acomplete` with the suite's prompt."""
        return self._timed("acomplete", lambda: self.run(backend.acomplete(list(MESSAGES))))

    def astream(self, backend: Any) -> Outcome:
        """All of `backend.astream_tokens`."""
        tokens: list[str] = []

        async def listen() -> str:
            said: AsyncIterator[str] = backend.astream_tokens(list(MESSAGES))
            async for token in said:
                tokens.append(token)  # noqa: PERF401 - what came before an exception has to be kept
            return "".join(tokens)

        return self._timed("astream_tokens", lambda: self.run(listen()), tokens)

    def _timed(self, verb: str, call: Callable[[], Any], tokens: list[str] | None = None) -> Outcome:
        started = self.now()
        try:
            value = call()
        except (Exception, self.types.cancelled) as error:  # noqa: BLE001 - whatever it is, it is what the promise is about
            return Outcome(verb, self.now() - started, error=error, tokens=tuple(tokens or ()))
        return Outcome(verb, self.now() - started, value=value, tokens=tuple(tokens or ()))


def field_of(value: Any, name: str) -> Any:
    """A field of a result, which may be an object or a mapping."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
