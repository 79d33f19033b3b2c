"""A cassette that several tests share: what none of them asked for is judged when all of them have run.

A test on its own cannot be blamed for the answers that are there for the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Usage:
    """Who uses one cassette, who of them has run and passed, and what nobody has asked for so far."""

    users: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    unplayed: list[str] | None = None
    policy: str = "fail"

    def played(self, user: str, unplayed: Iterable[str], policy: str) -> None:
        """`user` passed and left `unplayed` over."""
        left = list(unplayed)
        self.passed.add(user)
        self.policy = policy
        self.unplayed = left if self.unplayed is None else [line for line in self.unplayed if line in left]

    def join(self, other: Usage) -> None:
        """The same cassette as another process saw it."""
        self.users |= other.users
        if other.unplayed is not None:
            self.played("", other.unplayed, other.policy)
            self.passed.discard("")
        self.passed |= other.passed

    @property
    def left_over(self) -> list[str]:
        """What nobody asked for, where all users have run; else nothing can be said."""
        return list(self.unplayed or ()) if self.users and self.users <= self.passed else []


class Shared:
    """Every cassette that more than one collected test names in its marker."""

    def __init__(self) -> None:
        self._usage: dict[str, Usage] = {}

    def uses(self, path: Path, user: str) -> None:
        """`user` names `path`, and was collected."""
        self._usage.setdefault(str(path), Usage()).users.add(user)

    def passes(self, path: Path, user: str) -> None:
        """`user` needs not be waited for."""
        self._usage[str(path)].passed.add(user)

    def usage(self, path: Path) -> Usage | None:
        """How `path` is used, None where it is not shared."""
        found = self._usage.get(str(path))
        return found if found is not None and len(found.users) > 1 else None

    def left_over(self) -> dict[str, Usage]:
        """The cassettes with answers that nobody asked for."""
        return {path: usage for path, usage in self._usage.items() if len(usage.users) > 1 and usage.left_over}

    def exported(self) -> dict[str, Any]:
        """As plain values, for the process that collects them."""
        return {
            path: [sorted(usage.users), sorted(usage.passed), usage.unplayed, usage.policy]
            for path, usage in self._usage.items()
            if len(usage.users) > 1
        }

    def join(self, exported: Mapping[str, Any]) -> None:
        """What another process exported."""
        for path, (users, passed, unplayed, policy) in exported.items():
            self._usage.setdefault(path, Usage()).join(Usage(set(users), set(passed), unplayed, policy))
