"""Any OpenAI-compatible chat endpoint, over httpx2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import urlsplit

from harness.clock import WallClock, installed_clock, real_lock
from harness.contract import DEFAULTS, AsyncWire, Call, Desk, Pacer, Retries, Verbs, Wire, adopted, resolve
from harness.dialects import get
from harness.errors import MissingExtraError
from harness.live._settings import model_of, setting, timeout_of
from harness.matching import Redaction
from harness.model import Headers, Request
from harness.spec import CancelEvent, Clock

try:  # the one heavy dependency of this file, which is imported when this backend is chosen
    import httpx2

    from harness.live._http import AsyncHttpWire, HttpWire, tls
except ImportError as error:
    message = 'the backend "openai" needs httpx2: pip install "replay-harness[live]"'
    raise MissingExtraError(message) from error

_HOME: Final = "https://api.openai.com/v1"
_KEY: Final = "OPENAI_API_KEY"
_HEALTH_TIMEOUT_S: Final = 3.0


class OpenAIBackend(Verbs):
    """Chat completions of any server that speaks them: OpenAI, llama.cpp, vLLM, LM Studio, Ollama's `/v1`.

    `model`, `base_url` and `timeout` come from the arguments, else from HARNESS_MODEL, HARNESS_BASE_URL (then
    OPENAI_BASE_URL) and HARNESS_TIMEOUT; `api_key` else from OPENAI_API_KEY, and may be left out for a server that
    wants
    none. `timeout` caps one generation in seconds by the wall clock. `retries` counts the retries after 429, 503 and
    529;
    then `fallback_model` is asked. `requests_per_minute` spaces the requests of all threads. `contract` is a module
    with
    types of its own.

    Raises ValueError where no model is named, ContractMisfitError, and MissingExtraError where httpx2 is missing.
    """

    def __new__(cls, *, contract: Any = None, **options: Any) -> Self:
        """An instance of a class that is the contract's too, where the contract has one."""
        del options
        made: Self = object.__new__(adopted(cls, resolve(contract).base))
        return made

    def __init__(  # noqa: PLR0913 - the options of get_backend
        self,
        *,
        model: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | str | None = None,
        health_timeout: float = _HEALTH_TIMEOUT_S,
        retries: int = 3,
        fallback_model: str | None = None,
        requests_per_minute: float | None = None,
        contract: Any = None,
        clock: Clock | None = None,
    ) -> None:
        self.model = model_of(model, "openai")
        self.timeout = timeout_of(timeout)
        self.on_status = None
        self.cancel_event = None
        self.last_finish_reason = None
        server = _Server(
            base_url=setting(base_url, "HARNESS_BASE_URL", "OPENAI_BASE_URL", default=_HOME).rstrip("/"),
            api_key=setting(api_key, _KEY),
            clock=clock or WallClock(),
            redaction=Redaction.default(),
        )
        self.desk_ = Desk(
            line=lambda: _Line(server),
            is_up=lambda: server.is_up(health_timeout),
            types=resolve(contract),
            retries=Retries(retries),
            pacer=Pacer(requests_per_minute, real_lock()),
            fallback_model=fallback_model,
        )


@dataclass(frozen=True, slots=True)
class _Server:
    """Where requests go, and with which credentials."""

    base_url: str
    api_key: str
    clock: Clock
    redaction: Redaction

    def request(self, call: Call) -> Request:
        """`call` on the wire. The chat contract's defaults are said: a server's own may be others."""
        prompt = call.prompt
        if call.verb != "generate":
            prompt = replace(prompt, parameters={**DEFAULTS, **prompt.parameters})
        request = get("openai-chat").encode(prompt, self.base_url)
        return replace(request, headers=Headers((*request.headers, *self.credentials().items())))

    def credentials(self) -> Mapping[str, str]:
        """The header that carries the key, where there is one."""
        return {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def is_up(self, timeout_s: float) -> bool:
        """True where `GET /models` is answered well within `timeout_s` seconds. Raises no Exception."""
        try:
            with (
                httpx2.Client(verify=tls(), timeout=timeout_s, follow_redirects=True) as client,
                client.stream("GET", f"{self.base_url}/models", headers=dict(self.credentials())) as response,
            ):
                return response.is_success
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
            return False


class _Line:
    """The line of one call."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.where = _without_query(f"{server.base_url}/chat/completions")
        # A window of virtual time may be open around a replay of this very backend: its waits belong to it.
        self.clock: Clock = installed_clock() or server.clock

    def wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> Wire:
        """A wire for a thread."""
        return HttpWire(self._server.request(call), get("openai-chat"), self.clock, timeout_s, cancel)

    def async_wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> AsyncWire:
        """A wire for a task."""
        return AsyncHttpWire(self._server.request(call), get("openai-chat"), self.clock, timeout_s, cancel)

    def shown(self, text: str) -> str:
        """Redacted."""
        return self._server.redaction.text(text)

    def note(self, label: str, text: str) -> None:
        """A live backend keeps no history; whoever records it does."""


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
