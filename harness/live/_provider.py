"""A backend over HTTP: all that the providers have in common, which is all but their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Self

from harness.clock import WallClock, installed_clock, real_lock
from harness.contract import AsyncWire, Call, Desk, Pacer, Retries, Types, Verbs, Wire, adopted, resolve
from harness.dialects import get
from harness.errors import MissingExtraError
from harness.live._settings import model_of, setting, timeout_of
from harness.matching import Redaction
from harness.model import Headers, Request, Tool
from harness.spec import CancelEvent, Clock

try:  # the one heavy dependency of this file, which is imported when a backend over HTTP is chosen
    import httpx2

    from harness.live._http import AsyncHttpWire, HttpWire, tls
except ImportError as error:
    message = 'live backends over HTTP need httpx2: pip install "replay-harness[live]"'
    raise MissingExtraError(message) from error

HEALTH_TIMEOUT_S: Final = 3.0
RETRY_WAIT_S_MAX: Final = 120.0


@dataclass(frozen=True, slots=True)
class Provider:
    """The words of one provider.

    `home` is where its models live where nobody says otherwise; only there is a key demanded, because servers of one's
    own want none. `speak` makes the request for a call, without credentials; `health` is the URL to ask for health at a
    base URL; `credentials` are the headers that carry a key.
    """

    name: str
    dialect: str
    home: str
    url_variables: tuple[str, ...]
    key_variables: tuple[str, ...]
    credentials: Callable[[str], Mapping[str, str]]
    speak: Callable[[Call, str], Request]
    health: Callable[[str], str]
    health_headers: Mapping[str, str] = field(default_factory=dict)
    wants_key: bool = True


class HttpBackend(Verbs):
    """Both contracts against one provider's HTTP API.

    `model`, `base_url` and `timeout` come from the arguments, else from HARNESS_MODEL, HARNESS_BASE_URL (then the
    provider's own variable) and HARNESS_TIMEOUT; `api_key` else from the provider's own variable. `timeout` caps one
    generation in seconds by the wall clock; `health_timeout` caps a question after health.

    `retries` counts the retries after 429, 503 and 529, none of which waits longer than `retry_wait_max` seconds; where
    the server asks for more, the call fails at once. When they are used up, `fallback_model` is asked.
    `requests_per_minute` spaces the requests of all threads. `tools` are offered with every request, as
    `harness.model.Tool` or as mappings with its fields. `contract` is a module with types of its own.

    Raises ValueError where no model is named, the contract's connection error where the provider wants a key and there
    is none, ContractMisfitError, and MissingExtraError where httpx2 is missing.
    """

    provider_: ClassVar[Provider]

    def __new__(cls, *, contract: Any = None, **options: Any) -> Self:
        """An instance of a class that is the contract's too, where the contract has one."""
        del options
        made: Self = object.__new__(adopted(cls, resolve(contract, cls).base))
        return made

    def __init__(  # noqa: PLR0913 - the options of get_backend
        self,
        *,
        model: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | str | None = None,
        health_timeout: float = HEALTH_TIMEOUT_S,
        retries: int = 3,
        retry_wait_max: float = RETRY_WAIT_S_MAX,
        fallback_model: str | None = None,
        requests_per_minute: float | None = None,
        tools: Sequence[Tool | Mapping[str, Any]] = (),
        contract: Any = None,
        clock: Clock | None = None,
    ) -> None:
        provider, types = self.provider_, resolve(contract)
        self.model = model_of(model, provider.name)
        self.timeout = timeout_of(timeout)
        self.on_status = None
        self.cancel_event = None
        self.last_finish_reason = None
        url = setting(base_url, "HARNESS_BASE_URL", *provider.url_variables, default=provider.home).rstrip("/")
        server = _Server(
            provider=provider,
            base_url=url,
            credentials=_credentials(provider, setting(api_key, *provider.key_variables).strip(), url, types),
            tools=tuple(tool if isinstance(tool, Tool) else Tool(**tool) for tool in tools),
            clock=clock or WallClock(),
        )
        self.desk_ = Desk(
            line=lambda: _Line(server),
            is_up=lambda: server.is_up(health_timeout),
            types=types,
            retries=Retries(retries, cap_s=retry_wait_max),
            pacer=Pacer(requests_per_minute, real_lock()),
            fallback_model=fallback_model,
        )


def _credentials(provider: Provider, key: str, url: str, types: Types) -> Mapping[str, str]:
    """The headers that carry `key`. Raises the contract's connection error that names the variable, never the key."""
    names = " or ".join(provider.key_variables)
    wrong = ""
    if not key and provider.wants_key and url == provider.home:
        wrong = f"{provider.name} at {url} wants a key: set {names}, or pass api_key=..."
    elif not (key.isascii() and key.isprintable()):
        wrong = f"the key for {provider.name} has characters that no key has: look at {names}, or at api_key=..."
    if wrong:
        raise types.error(types.connection_error, wrong)
    return provider.credentials(key) if key else {}


@dataclass(frozen=True, slots=True)
class _Server:
    """Where requests go, and with which credentials."""

    provider: Provider
    base_url: str
    credentials: Mapping[str, str]
    tools: tuple[Tool, ...]
    clock: Clock

    def request(self, call: Call) -> Request:
        """`call` on the wire."""
        offering = replace(call, prompt=replace(call.prompt, tools=self.tools)) if self.tools else call
        request = self.provider.speak(offering, self.base_url)
        return replace(request, headers=Headers((*request.headers, *self.credentials.items())))

    def is_up(self, timeout_s: float) -> bool:
        """True where the question after health is answered well within `timeout_s` seconds. Raises no Exception.

        A page of HTML is no good answer, whatever its status: a wrong base URL and a captive portal send one.
        """
        url, headers = self.provider.health(self.base_url), {**self.provider.health_headers, **self.credentials}
        try:
            with (
                httpx2.Client(verify=tls(), timeout=timeout_s, follow_redirects=True) as client,
                client.stream("GET", url, headers=headers) as response,
            ):
                return response.is_success and "html" not in response.headers.get("content-type", "")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
            return False


class _Line:
    """The line of one call."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.where = _without_query(server.base_url)
        # A window of virtual time may be open around a replay of this very backend: its waits belong to it.
        self.clock: Clock = installed_clock() or server.clock

    def wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> Wire:
        """A wire for a thread."""
        return HttpWire(self._request(call), get(self._server.provider.dialect), self.clock, timeout_s, cancel)

    def async_wire(self, call: Call, timeout_s: float | None, cancel: CancelEvent | None) -> AsyncWire:
        """A wire for a task."""
        return AsyncHttpWire(self._request(call), get(self._server.provider.dialect), self.clock, timeout_s, cancel)

    def _request(self, call: Call) -> Request:
        request = self._server.request(call)
        self.where = _without_query(request.url)
        return request

    def shown(self, text: str) -> str:
        """Redacted."""
        return Redaction.default().text(text)

    def note(self, label: str, text: str) -> None:
        """A live backend keeps no history; whoever records it does."""


def _without_query(url: str) -> str:
    """`url` for a message: no user name, no password, no query. Not parsed, because it may be no URL at all."""
    scheme, mark, rest = url.partition("?")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"
