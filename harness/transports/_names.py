"""Names: which hosts are allowed, also once a look-up has turned their names into addresses."""

from __future__ import annotations

import ipaddress
import socket
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from harness.transports._judge import Attempt
from harness.transports._patterns import LOOPBACK_NAMES, matches_any


class Names:
    """What was looked up while the guard was up: address to names."""

    def __init__(self) -> None:
        self._of: defaultdict[str, set[str]] = defaultdict(set)

    def remember(self, name: str, found: Any) -> None:
        """`name` was looked up, with the result of one of the look-ups of `socket`."""
        for address in _addresses(found):
            self._of[address].add(name)

    def allows(self, attempt: Attempt, patterns: Sequence[str]) -> bool:
        """True where `patterns` cover it, or where it needs no network at all."""
        if attempt.kind == "name lookup" and _is_local_name(attempt.host):
            return True
        names = {attempt.host, *self._of.get(attempt.host, ())}
        return attempt.kind != "command" and any(matches_any(patterns, name, attempt.port) for name in names)


def _is_local_name(name: str) -> bool:
    """True for what is resolved without asking anybody: addresses, and the names of this machine."""
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name.lower() in LOOPBACK_NAMES or name == socket.gethostname()
    return True


def _addresses(found: Any) -> list[str]:
    """The addresses in what getaddrinfo, gethostbyname or gethostbyname_ex returned."""
    if isinstance(found, str):
        return [found]
    if isinstance(found, tuple):
        return list(found[2])
    return [str(entry[4][0]) for entry in found]
