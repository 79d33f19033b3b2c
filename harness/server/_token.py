"""The token: whoever reaches a server that is not on loopback has to know it."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from harness.model import Request

_BEARER: Final = "authorization"
_FIELDS: Final = ("x-harness-token", "x-api-key", "x-goog-api-key", "api-key")


class Token:
    """Opens for requests that carry `secret` where clients put their API key: `authorization: Bearer`, `x-api-key`,
    `x-goog-api-key`, `api-key` or `?key=`; or in `x-harness-token`. Without a secret it opens for everybody.

    Compared in constant time, and never printed.
    """

    def __init__(self, secret: str | None) -> None:
        self._secret = (secret or "").encode()

    def opens(self, request: Request) -> bool:
        """True where `request` may come in."""
        if not self._secret:
            return True
        # All are compared, so that the time does not tell which one was right.
        return sum(hmac.compare_digest(given, self._secret) for given in _given(request)) > 0

    def __repr__(self) -> str:
        return "Token(set)" if self._secret else "Token(none)"


def _given(request: Request) -> Iterator[bytes]:
    """Everything that may be the token, as the bytes it was sent as."""
    for name, value in request.headers.pairs:
        low = name.lower()
        if low == _BEARER:
            yield value.partition(" ")[2].strip().encode("latin-1", "replace")
        elif low in _FIELDS:
            yield value.strip().encode("latin-1", "replace")
    yield from (value.encode() for name, value in parse_qsl(urlsplit(request.url).query) if name == "key")
