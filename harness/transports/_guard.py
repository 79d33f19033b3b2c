"""The guard: while a replay is open, nothing connects to anywhere, from any thread and any library.

Patched are the doors of the standard library that everything written in Python goes through: `socket.connect`, the
name look-ups, and the start of a child process for the command-line clients of models.
An audit hook would see the same calls and could never be taken out again.
Code that opens sockets in C passes by unseen, save through the doors of `_c_doors` (grpc, psycopg, pycurl).

Always allowed: what is no internet address (AF_UNIX, socketpairs), listeners of this process, `allowed_hosts`, and
calls that a recording session makes through its own seam.
While recording nothing is refused; a connection that no seam saw is reported to the session, which fails.
"""

from __future__ import annotations

import _thread
import asyncio
import errno
import os
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import NetworkRefusedError
from harness.transports._c_doors import CDoors
from harness.transports._caller import caller
from harness.transports._commands import model_client, model_client_in_script
from harness.transports._judge import Attempt, Verdict, judge
from harness.transports._listeners import is_own_listener
from harness.transports._lookup import open_members
from harness.transports._names import Names
from harness.transports._patch import Patch, Wrapper
from harness.transports._patterns import host_patterns

_INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})


@contextmanager
def block_network(allowed_hosts: Iterable[str] = ()) -> Iterator[None]:
    """Refuse every real connection while this is open, with or without a session, recording sessions included.

    What the guard always allows stays allowed, and so does what `allowed_hosts` names. ValueError where it is no list.
    """
    block = host_patterns("allowed_hosts", allowed_hosts)
    _guard.blocks.append(block)
    settle()
    try:
        yield
    finally:
        _guard.blocks[:] = [other for other in _guard.blocks if other is not block]
        settle()


def settle() -> None:
    """Put the guard up or take it down, as somebody needs it or nobody does."""
    _guard.settle()


class _Guard:
    """The patches of the guard, and what it knows while it is up."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, ...]] = []
        self.names = Names()
        self._lock = _thread.allocate_lock()  # a real one: this runs while virtual time is being put in or taken out
        self._patches = [Patch(owner, name, wrapper) for owner, name, wrapper in _doors()]
        self._c_doors = CDoors(_stop_or_pass)

    def settle(self) -> None:
        with self._lock:
            if self.blocks or open_members():
                for patch in self._patches:
                    patch.apply()
                self._c_doors.shut()
            else:
                for patch in self._patches:
                    patch.remove()
                self._c_doors.reopen()
                self.names = Names()

    def stop(self, attempt: Attempt) -> Exception | None:
        """The error to raise for `attempt`; None where it may pass. Whoever has to know is told."""
        allowed = [pattern for member in open_members() for pattern in member.session.allowed_hosts]
        allowed += [pattern for block in self.blocks for pattern in block]
        if self.names.allows(attempt, allowed):
            return None
        verdict = judge(is_blocked=bool(self.blocks))
        if verdict is None or (verdict.records and attempt.kind != "connect"):
            return None
        if attempt.kind == "connect" and is_own_listener(attempt.host, attempt.port or 0):
            return None
        return _told(verdict, attempt)


def _told(verdict: Verdict, attempt: Attempt) -> Exception | None:
    where = caller()
    if verdict.records:
        for session in verdict.sessions:
            session.unseen(attempt.host, attempt.port, where)
        return None
    errors = [
        session.refuse(attempt.kind, attempt.host, attempt.port, where, inside=not verdict.is_stray)
        for session in verdict.sessions
    ]
    return errors[0] if errors else _blocked(attempt, where)


def _blocked(attempt: Attempt, where: str) -> NetworkRefusedError:
    message = (
        f"{attempt} from {where} was refused: the network is blocked for this run.\n"
        "  next: replay it in a session, or name the host in allowed_hosts if it is the test's own"
    )
    return NetworkRefusedError(errno.ECONNREFUSED, message)


def _stop_or_pass(attempt: Attempt | None) -> None:
    error = _guard.stop(attempt) if attempt is not None else None
    if error is not None:
        raise error


def _doors() -> list[tuple[Any, str, Wrapper]]:
    """What is patched: owner, name, and what to put there."""
    lookups = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")
    return [
        (socket.socket, "connect", _connecting),
        (socket.socket, "connect_ex", _connecting_quietly),
        *((socket, name, _looking_up) for name in lookups),
        (asyncio.BaseEventLoop, "getaddrinfo", _looking_up_async),
        (subprocess.Popen, "__init__", _starting),
        (os, "system", _running),
    ]


def _target(sock: socket.socket, address: Any) -> Attempt | None:
    """Whither `sock` is to be connected; None where that is no internet address, or none at all."""
    if sock.family in _INTERNET and isinstance(address, tuple) and len(address) >= 2:
        return Attempt("connect", _text(address[0]), address[1])
    return None


def _text(host: Any) -> str:
    return host.decode("idna") if isinstance(host, bytes | bytearray) else str(host)


def _connecting(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: socket.socket, address: Any) -> Any:
        _stop_or_pass(_target(self, address))
        return original(self, address)

    return connect


def _connecting_quietly(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect_ex(self: socket.socket, address: Any) -> Any:
        attempt = _target(self, address)
        if attempt is not None and _guard.stop(attempt) is not None:
            return errno.ECONNREFUSED  # this door speaks in numbers; the session has been told in words
        return original(self, address)

    return connect_ex


def _looking_up(original: Callable[..., Any]) -> Callable[..., Any]:
    def lookup(host: Any, port: Any = None, *args: Any, **kwargs: Any) -> Any:
        attempt = _name(host, port)
        _stop_or_pass(attempt)
        found = original(host, port, *args, **kwargs) if port is not None or args or kwargs else _plain(original, host)
        if attempt is not None:
            _guard.names.remember(attempt.host, found)
        return found

    return lookup


def _plain(original: Callable[..., Any], host: Any) -> Any:
    """`gethostbyname` takes a host alone; `getaddrinfo` needs the port, and None is one."""
    return original(host, None) if original.__name__ == "getaddrinfo" else original(host)


def _looking_up_async(original: Callable[..., Any]) -> Callable[..., Any]:
    async def getaddrinfo(self: Any, host: Any, port: Any, **kwargs: Any) -> Any:
        # Asked here too, because the thread that does it does not know on whose line it was wanted.
        _stop_or_pass(_name(host, port))
        return await original(self, host, port, **kwargs)

    return getaddrinfo


def _name(host: Any, port: Any) -> Attempt | None:
    return Attempt("name lookup", _text(host), port if isinstance(port, int) else None) if host else None


def _starting(original: Callable[..., Any]) -> Callable[..., Any]:
    def __init__(self: Any, args: Any, *rest: Any, **kwargs: Any) -> None:  # noqa: N807 - it stands in for one
        client = model_client(args, shell=bool(kwargs.get("shell")))
        _stop_or_pass(Attempt("command", client) if client else None)
        original(self, args, *rest, **kwargs)

    return __init__


def _running(original: Callable[..., Any]) -> Callable[..., Any]:
    def system(command: Any) -> Any:
        client = model_client_in_script(os.fsdecode(command))
        _stop_or_pass(Attempt("command", client) if client else None)
        return original(command)

    return system


_guard = _Guard()
