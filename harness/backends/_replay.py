"""ReplayBackend: both published contracts, sync and async, answered from a session."""

from __future__ import annotations

from typing import Any, Self

from harness.backends._health import Health
from harness.backends._session_line import ANY_MODEL, Opened, SessionLine
from harness.clock import real_lock
from harness.contract import Desk, Pacer, Retries, Verbs, adopted, resolve


class ReplayBackend(Verbs):
    """A backend that answers from `session` and never from a model.

    `contract` is a module, class or namespace whose types it speaks instead of ours; the backend is then one of that
    contract's own `LLMBackend` too. `timeout` is in seconds and caps each generation on the session's clock; `retries`
    counts the retries after 429, 503 and 529, whose waits are told to `on_status`; when they are used up,
    `fallback_model` is asked. `requests_per_minute` spaces the requests of all threads.
    `ignores_cancel` is the fault of a backend that goes on after `cancel_event` was set: tokens come after the cancel,
    for the driver's own guard.

    Raises ContractMisfitError that names all that does not fit. A Miss goes through everything, on purpose.
    """

    def __new__(cls, *session: Opened, contract: Any = None, **options: Any) -> Self:
        """An instance of a class that is the contract's too, where the contract has one. A copy comes without a
        session, and brings its state."""
        del session, options
        made: Self = object.__new__(adopted(cls, resolve(contract, cls).base))
        return made

    def __init__(
        self,
        session: Opened,
        *,
        contract: Any = None,
        model: str = ANY_MODEL,
        timeout: float = 60.0,
        retries: int = 3,
        fallback_model: str | None = None,
        requests_per_minute: float | None = None,
        ignores_cancel: bool = False,
    ) -> None:
        self.model = model
        self.timeout = timeout
        self.on_status = None
        self.cancel_event = None
        self.last_finish_reason = None
        self.desk_ = Desk(
            line=lambda: SessionLine(session),
            is_up=Health(session.available),
            types=resolve(contract),
            retries=Retries(retries),
            pacer=Pacer(requests_per_minute, real_lock()),
            fallback_model=fallback_model,
            ignores_cancel=ignores_cancel,
        )

    def __repr__(self) -> str:
        return f"ReplayBackend({self.desk_.line().where}, model={self.model!r}, timeout={self.timeout!r})"
