"""One run of a command as a wire: what it prints are tokens, and it never outlives its caller's patience.

The command gets a session of its own, so that it can be killed together with everything that it started. Its three
pipes are served by threads: nobody waits for a pipe that the other side has stopped reading or writing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Final

import anyio
import anyio.to_thread

from harness.contract import LOOK_UP
from harness.dialects import get, native_line
from harness.live._terminal_text import LastLines, TerminalText, plain
from harness.matching import Redaction
from harness.model import (
    NEVER,
    Chunk,
    Delta,
    End,
    Event,
    Finish,
    Head,
    Headers,
    Json,
    Nanos,
    Problem,
    Request,
    Status,
    Text,
    TimedOut,
    milliseconds,
    seconds,
)
from harness.spec import CancelEvent, Clock, Decoder

_STDERR_SHOWN_MAX: Final = 256
_READ_MAX: Final = 4096
_LINGER: Final = milliseconds(250)
"""How long the pipes of a command that has exited are listened to, where something that it started holds them open."""
_JOIN_S: Final = 1.0
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, what to say to it, and what to tell the caller beforehand."""

    argv: Sequence[str]
    stdin: bytes
    status: str = ""


class ProcessWire:
    """One run, for a thread. The first `hear` starts it."""

    def __init__(self, command: Command, clock: Clock, timeout_s: float | None, cancel: CancelEvent | None) -> None:
        self._command = command
        self._clock = clock
        self._timeout_s = timeout_s
        self._cancel = cancel
        self._deadline = NEVER
        self._running: Running | None = None
        self._coming: deque[Event] = deque()
        self._text, self._lines, self._said = TerminalText(), LastLines(), False
        self._exited_at: Nanos | None = None

    def decoder(self, head: Head) -> Decoder:
        """The native one: what was printed has no wire form of its own."""
        return get("native").decoder(Request("POST", "native://backend/generate"), head)

    def hear(self) -> Event | None:
        """The head, then what is printed as it is printed, then the end. None where the caller wants to stop."""
        if self._running is None and not self._coming:
            self._start()
        while not self._coming:
            assert self._running is not None
            self._running.arrived.clear()
            if self._running.is_left or (self._cancel is not None and self._cancel.is_set()):
                return None
            if self._clock.now() >= self._deadline:
                return TimedOut()
            if not self._listen(self._running):
                look = Nanos(self._clock.now() + LOOK_UP)
                self._clock.wait_until(min(self._deadline, look), self._running.arrived)
        return self._coming.popleft()

    def leave(self) -> None:
        """Kill what still runs of it."""
        if self._running is not None:
            self._running.leave()

    def _start(self) -> None:
        self._deadline = NEVER if self._timeout_s is None else Nanos(self._clock.now() + seconds(self._timeout_s))
        self._coming.append(Head(200, Headers((("content-type", "application/x-ndjson"),))))
        if self._command.status:
            self._say(Status(self._command.status))
        argv0 = self._command.argv[0]
        try:
            self._running = Running(self._command)
        except FileNotFoundError:
            self._fail(_NOT_FOUND, f"argv[0] not found: {argv0}")
        except OSError as error:
            self._fail(_NOT_EXECUTABLE, f"argv[0] cannot be run: {argv0}: {error.strerror}")

    def _listen(self, running: Running) -> bool:
        """Take what was printed since, or see that it is over; False where nothing happened."""
        data = running.printed()
        if data:
            self._say_text(self._lines.feed(self._text.feed(data)))
            return True
        code = running.poll()
        if code is None:
            return False
        self._exited_at = self._exited_at if self._exited_at is not None else self._clock.now()
        if running.is_silent or self._clock.now() >= self._exited_at + _LINGER:
            self._finish(code, running.complained())
            return True
        return False

    def _finish(self, code: int, stderr: bytes) -> None:
        self._say_text(self._lines.feed(self._text.close()) + self._lines.close())
        if code or not self._said:
            self._fail(code, plain(stderr))
            return
        self._say(Finish("stop"))
        self._coming.append(End())

    def _fail(self, code: int, stderr: str) -> None:
        shown = Redaction.default().text(stderr.strip())[:_STDERR_SHOWN_MAX]
        extra: dict[str, Json] = {"rc": code, "stderr": shown}
        self._say(Problem("failure", f"{self._command.argv[0]} exited with {code}", extra=extra))
        self._coming.append(End())

    def _say_text(self, text: str) -> None:
        if text:
            self._said = self._said or bool(text.strip())
            self._say(Text(text))

    def _say(self, delta: Delta) -> None:
        self._coming.append(Chunk(native_line(delta)))


class Running:
    """A process, and the threads at its pipes. Raises OSError where it cannot be started."""

    def __init__(self, command: Command) -> None:
        self.arrived = threading.Event()
        self.is_left = False
        self._is_closed = False
        self._out: deque[bytes] = deque()
        self._err: deque[bytes] = deque()
        self._process = subprocess.Popen(  # noqa: S603 - no shell, and the arguments are the caller's own
            list(command.argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._threads = [
            _thread(self._read, process.stdout, self._out),
            _thread(self._read, process.stderr, self._err),
            _thread(_write, process.stdin, command.stdin),
        ]

    @property
    def is_silent(self) -> bool:
        """True where nothing can be printed any more, and all that was has been taken."""
        return self._is_closed and not self._out

    def printed(self) -> bytes:
        """What was printed and not yet taken."""
        return b"".join(self._out.popleft() for _ in range(len(self._out)))

    def complained(self) -> bytes:
        """What came on the error output, all of it where the process has exited."""
        self._threads[1].join(_LINGER / 1e9)
        return b"".join(self._err)

    def poll(self) -> int | None:
        """The exit code, or None."""
        return self._process.poll()

    def leave(self) -> None:
        """Kill the process and what it started, and close the pipes. A second time does nothing."""
        self.is_left = True
        self.arrived.set()
        if self._process.poll() is None or any(thread.is_alive() for thread in self._threads):
            self._kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(_JOIN_S)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended in this very moment: that is what was wanted
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _read(self, pipe: IO[bytes], into: deque[bytes]) -> None:
        with pipe:
            while data := os.read(pipe.fileno(), _READ_MAX):
                into.append(data)
                self.arrived.set()
        if into is self._out:
            self._is_closed = True
            self._process.wait()
            self.arrived.set()


def _write(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:  # it may answer, or fail, without reading to the end
        pipe.write(data)


def _thread(target: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, name="harness pipe", daemon=True)
    thread.start()
    return thread


class AsyncProcessWire:
    """The same for a task: it listens in a thread, which ends when the process does."""

    def __init__(self, wire: ProcessWire) -> None:
        self._wire = wire
        self._limiter = anyio.CapacityLimiter(1)  # of its own: a slow model must not use up everybody's threads

    def decoder(self, head: Head) -> Decoder:
        """As ProcessWire."""
        return self._wire.decoder(head)

    async def hear(self) -> Event | None:
        """As ProcessWire. A cancelled task leaves at once; `leave` then ends the thread."""
        return await anyio.to_thread.run_sync(self._wire.hear, abandon_on_cancel=True, limiter=self._limiter)

    async def leave(self) -> None:
        """Kill what still runs of it, even in a task that is being cancelled."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._wire.leave)
