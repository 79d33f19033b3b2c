"""RecordingBackend: whatever a backend is asked and answers, written down in the `native` dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from types import FunctionType, MethodType
from typing import Any, Final, NoReturn, Self

from harness.backends._notebook import Notebook
from harness.backends._recorded_verbs import CALLS, STREAMS, recorded
from harness.backends._recording_state import Recording, types_of
from harness.spec import Clock

_VERBS: Final = CALLS | STREAMS | {"is_available"}
_STATE: Final = "recording_"


class RecordingBackend:
    """`inner` as it is, and all that is asked of it and answered is in the cassette at the path `cassette`.

    Calls with their parameters, tokens with their times, exceptions by kind, progress, health answers and cancellations
    are recorded, and redacted (`redact` as in `harness.record`). `mode` is that of `harness.record`: with `once`, a
    cassette that is there answers, and `inner` is not asked. Inside `with harness.record(...)` its calls go to that
    session's cassette, and the requests that `inner` sends for them do not. Without a `cassette` it belongs to whatever
    session is around it, and a replay answers: so a test with the marker records once and replays from then on.

    Outside of `with` the file is written after every call, inside of it once at the end (as `.failed.yaml` where that
    is an exception), and at the interpreter's exit at the latest.
    `contract` is the module whose exceptions `inner` raises, where that is neither ours nor the one in which its class
    or a base of it stands. `clock` tells the time, by default the one that is running.

    It passes for an instance of the type of `inner`. Attributes are those of `inner`, to read and to set; its other
    methods are called on the recording, so that the calls which they make are recorded too.

    Raises CassetteError, CassetteNotFoundError in mode `none`, ValueError for an unknown mode, CassetteWriteError
    where the file cannot be written, and Miss for a call that it may only play and does not have.
    """

    recording_: Recording

    def __init__(
        self,
        inner: Any,
        cassette: str | PathLike[str] | None = None,
        *,
        mode: str = "once",
        contract: Any = None,
        ignore: Iterable[str | Mapping[str, str]] = (),
        redact: Iterable[Mapping[str, str]] = (),
        clock: Clock | None = None,
    ) -> None:
        ignored, redacted = tuple(ignore), tuple(redact)
        open_notebook = cassette and (lambda: Notebook(cassette, mode, ignore=ignored, redact=redacted))
        vars(self)[_STATE] = Recording(inner, types_of(inner, contract), clock, open_notebook or None)

    @property  # type: ignore[misc]  # `isinstance` asks for `__class__`, and that is all that is wanted here
    def __class__(self) -> type:
        """The type of what is recorded."""
        return type(self.recording_.inner)

    def __getattr__(self, name: str) -> Any:
        if name == _STATE:  # asked before `__init__` by copy and pickle: there is nothing to pass it on to
            raise AttributeError(name)
        inner = self.recording_.inner
        value = getattr(inner, name)
        if name in _VERBS and callable(value):
            return recorded(self.recording_, name, value)
        if isinstance(value, MethodType) and value.__self__ is inner and isinstance(value.__func__, FunctionType):
            return MethodType(value.__func__, self)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.recording_.inner, name, value)
        if name == "on_status":
            self.recording_.listen()

    @property
    def on_status(self) -> Callable[[str], None] | None:
        """Who hears of progress."""
        return self.recording_.listener

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *dir(self.recording_.inner)})

    def __repr__(self) -> str:
        notebook = self.recording_.notebook
        return f"RecordingBackend({self.recording_.inner!r}" + (f", {notebook.name})" if notebook else ")")

    def __reduce__(self) -> NoReturn:
        message = "a RecordingBackend is where one recording is written, and can be neither copied nor pickled"
        raise TypeError(message)

    def close(self) -> Any:
        """Write the cassette; later calls raise SessionError. Closes `inner` too, where that can be closed, and returns
        what it returns (an awaitable where its `close` is async)."""
        self.recording_.close()
        close = getattr(self.recording_.inner, "close", None)
        return close() if callable(close) else None

    def __enter__(self) -> Self:
        self.recording_.holds_back = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.recording_.close(failed=error is not None and not isinstance(error, SystemExit))

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)
