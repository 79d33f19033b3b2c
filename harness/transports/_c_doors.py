"""Sockets that libraries open in C, where the guard's doors do not stand: refused at the Python call that leads there.

| library | where it is refused |
| --- | --- |
| grpc | when a channel is made (`insecure_channel`, `secure_channel`, and their `grpc.aio` twins) |
| psycopg, psycopg2 | at `connect`; a UNIX socket passes |
| pycurl | when a handle is given its URL |

What cannot be caught, and passes by unseen: channels, connections and handles made before the session was opened;
`from psycopg import connect` before it; every other library with sockets of its own (uvloop is refused for its clock).
A gRPC target on loopback passes, because a server of this process opens its listener in C as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from harness.transports._imports import Latecomers
from harness.transports._judge import Attempt
from harness.transports._patch import Patch, Wrapper

Check = Callable[[Attempt], None]
"""Raises where the attempt may not pass."""

_Door: TypeAlias = tuple[tuple[str, ...], Callable[..., Iterator[Attempt]]]
_POSTGRES_PORT: Final = 5432
_SCHEME_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_LOOPBACK: Final = ("localhost", "127.", "::1", "[::1]")


class CDoors:
    """The doors of libraries that are imported now, or while they are shut."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._patches: dict[str, list[Patch | _ClassMethod]] = {}
        self._curls: dict[ModuleType, tuple[type, type]] = {}
        self._latecomers = Latecomers([*_MODULES, "pycurl"], self._arrived)

    def shut(self) -> None:
        """Refuse what may not pass, from now on."""
        self._latecomers.watch()

    def reopen(self) -> None:
        """Leave the libraries as they were."""
        self._latecomers.unwatch()
        for patch in (patch for patches in self._patches.values() for patch in patches):
            patch.remove()
        for module, (original, ours) in self._curls.items():
            if module.Curl is ours:
                module.Curl = original  # type: ignore[attr-defined]  # a module of C has no stubs
        self._curls.clear()

    def _arrived(self, module: ModuleType) -> None:
        name = module.__name__
        if name == "pycurl":
            self._swap(module)
            return
        if name not in self._patches:
            self._patches[name] = list(self._of(module, _MODULES[name]))
        for patch in self._patches[name]:
            patch.apply()

    def _of(self, module: ModuleType, door: _Door) -> Iterator[Patch | _ClassMethod]:
        names, targets = door
        for path in names:
            of_class, _, function = path.rpartition(".")
            if of_class and hasattr(module, of_class):
                yield _ClassMethod(getattr(module, of_class), function, self._wrapper(targets))
            elif not of_class and hasattr(module, function):
                yield Patch(module, function, self._wrapper(targets))

    def _wrapper(self, targets: Callable[..., Iterator[Attempt]]) -> Wrapper:
        def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
            def made(*args: Any, **kwargs: Any) -> Any:
                for attempt in targets(*args, **kwargs):
                    self._check(attempt)
                return original(*args, **kwargs)

            return made

        return wrap

    def _swap(self, module: ModuleType) -> None:
        """A class of C cannot be patched; one that derives from it stands in for it, so that isinstance still holds."""
        original: Any = module.Curl
        if isinstance(vars(original).get("setopt"), FunctionType):
            # pytest-recording puts a class of its own in that place, and lets nobody change it.
            patch = self._patches.setdefault("pycurl", [Patch(original, "setopt", _checking(module, self._check))])[0]
            patch.apply()
        elif module not in self._curls:
            setopt = _checking(module, self._check)(original.setopt)
            ours = type("Curl", (original,), {"setopt": setopt, "__module__": original.__module__})
            self._curls[module] = (original, ours)
            module.Curl = ours  # type: ignore[attr-defined]


def _checking(module: Any, check: Check) -> Wrapper:
    socket_option, url_option = getattr(module, "UNIX_SOCKET_PATH", None), module.URL
    local: set[int] = set()  # handles that go to a UNIX socket

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def setopt(self: Any, option: Any, value: Any) -> Any:
            if option == socket_option:
                (local.add if value else local.discard)(id(self))
            if option == url_option and id(self) not in local:
                for attempt in _of_url(value):
                    check(attempt)
            return original(self, option, value)

        return setopt

    return wrap


class _ClassMethod:
    """As a Patch, for a class method: what derives from its class stays what is made."""

    def __init__(self, owner: type, name: str, wrapper: Wrapper) -> None:
        self._owner, self._name, self._wrapper = owner, name, wrapper
        self._layer: tuple[Any, Any] | None = None

    def apply(self) -> None:
        """Put the replacement in."""
        original = vars(self._owner)[self._name]
        if self._layer is not None and original is self._layer[1]:
            return

        def ours(cls: type, *args: Any, **kwargs: Any) -> Any:
            return self._wrapper(original.__get__(None, cls))(*args, **kwargs)

        self._layer = (original, classmethod(ours))
        setattr(self._owner, self._name, self._layer[1])

    def remove(self) -> None:
        """Take it out, where nobody put something over it."""
        if self._layer is not None and vars(self._owner)[self._name] is self._layer[1]:
            setattr(self._owner, self._name, self._layer[0])
            self._layer = None


def _of_channel(target: Any = "", *_: Any, **__: Any) -> Iterator[Attempt]:
    """`dns:///host:443`, `host:443`, `ipv4:192.0.2.1:443`; nothing for `unix:` and what stays on this machine."""
    place = str(target).removeprefix("dns:").removeprefix("ipv4:").removeprefix("ipv6:").rpartition("/")[2]
    host, port = place.rsplit(":", 1) if ":" in place else (place, "443")
    if host and not str(target).startswith(("unix", "vsock", "xds")) and not host.startswith(_LOOPBACK):
        yield Attempt("connect", host.strip("[]"), int(port) if port.isdigit() else None)


def _of_url(value: Any) -> Iterator[Attempt]:
    place = urlsplit(value.decode("latin-1") if isinstance(value, bytes) else str(value))
    if place.hostname and place.scheme != "file":
        yield Attempt("connect", place.hostname, place.port or _SCHEME_PORTS.get(place.scheme))


def _of_conninfo(*args: Any, **kwargs: Any) -> Iterator[Attempt]:
    """What libpq would connect to, by the text or URL and the keywords that it is given, and by its variables."""
    given = next((arg for arg in args if isinstance(arg, str)), kwargs.get("conninfo") or kwargs.get("dsn") or "")
    found = {**_parsed(given), **{key: str(value) for key, value in kwargs.items() if value is not None}}
    hosts = found.get("host") or found.get("hostaddr") or os.environ.get("PGHOST", "")
    ports = (found.get("port") or os.environ.get("PGPORT", "")).split(",")
    for number, host in enumerate(hosts.split(",")):
        port = ports[number] if number < len(ports) else ports[-1]
        if host and not host.startswith(("/", "@")):
            yield Attempt("connect", host, int(port) if port.isdigit() else _POSTGRES_PORT)


def _parsed(conninfo: str) -> dict[str, str]:
    if "://" in conninfo:
        place = urlsplit(conninfo)
        return {"host": place.hostname or "", "port": str(place.port or "")}
    pairs = (part.partition("=") for part in conninfo.split())
    return {key: value.strip("'") for key, equals, value in pairs if equals}


_CONNECTS = ("connect", "Connection.connect", "AsyncConnection.connect")
_CHANNELS = ("insecure_channel", "secure_channel")
_MODULES: Final[Mapping[str, _Door]] = {
    "grpc": (_CHANNELS, _of_channel),
    "grpc.aio": (_CHANNELS, _of_channel),
    "psycopg": (_CONNECTS, _of_conninfo),
    "psycopg2": (("connect",), _of_conninfo),
}
