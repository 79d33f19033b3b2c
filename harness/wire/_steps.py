"""What a connection can do, on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Send:
    """Put `data` on the connection, in one write. Never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection: `fin` sends what is pending and then the end, `rst` is a reset (a linger of zero)."""

    how: Literal["fin", "rst"] = "fin"


@dataclass(frozen=True, slots=True)
class Refuse:
    """There never was a connection. `error` is the class name that an httpx-like client gives it (`ConnectError`,
    `ConnectTimeout`, `PoolTimeout`), `message` is that exception's own text.

    A server that has accepted already can come no closer than a reset before the first byte.
    """

    error: str = "ConnectError"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing more will come, and the connection stays open: only the other side can end it."""


Step: TypeAlias = Send | Close | Refuse | Silence
