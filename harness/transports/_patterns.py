"""Host patterns: `db.local`, `*.internal`, `127.0.0.1:5432`. Without a port, every port."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def host_patterns(key: str, patterns: Iterable[str]) -> tuple[str, ...]:
    """`patterns`, which the setting `key` has. Raises ValueError for a text by itself: each of its letters would be a
    pattern, and the first of `*.local` is every host there is."""
    if isinstance(patterns, str):
        message = f"{key} has to be a list, not {patterns!r}: say {key}=[{patterns!r}]"
        raise ValueError(message)  # noqa: TRY004 - as every other setting that cannot be meant
    return tuple(patterns)


def matches_any(patterns: Iterable[str], host: str, port: int | None) -> bool:
    """True where one of `patterns` covers `host` and `port`."""
    return any(_matches(pattern.lower(), host.lower(), port) for pattern in patterns)


def _matches(pattern: str, host: str, port: int | None) -> bool:
    name, wanted_port = _split(pattern)
    if wanted_port and wanted_port != str(port):
        return False
    # `localhost` in a configuration means the machine itself, by whichever of its names the client goes.
    return fnmatchcase(host, name) or (name == "localhost" and host in LOOPBACK_NAMES)


def _split(pattern: str) -> tuple[str, str]:
    """Name and port. `[::1]:80` and `::1` are addresses, whose colons separate no port."""
    if pattern.startswith("["):
        name, _, rest = pattern[1:].partition("]")
        return name, rest.removeprefix(":")
    name, colon, port = pattern.rpartition(":")
    if colon and ":" not in name and (port.isdigit() or port == "*"):
        return name, "" if port == "*" else port
    return pattern, ""
