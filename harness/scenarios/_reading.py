"""Reading: what a request asks, read once for the same bytes, which load tests, retries and polling clients send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from harness.dialects import recognise
from harness.errors import DialectError
from harness.model import Prompt, Request
from harness.spec import Dialect, Mismatch

_KEPT_MAX: Final = 256
_BYTES_MAX: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Read:
    """What a request asks; without a dialect nobody can tell, and the prompt is empty. `verdicts` are for whoever
    matches it: what was found before, by the id of the rule."""

    dialect: Dialect | None
    prompt: Prompt
    verdicts: dict[int, bool] = field(default_factory=dict)


class Reading:
    """Remembers what the latest requests were read as: that depends on method, URL and body, and on nothing else."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, bytes], Read | Mismatch] = {}

    def read(self, request: Request) -> Read | Mismatch:
        """The dialect and the prompt of `request`, or why it has none."""
        key = (request.method, request.url, request.body)
        found = self._kept.get(key)
        if found is None:
            found = self._fresh(request)
            if len(request.body) <= _BYTES_MAX:
                if len(self._kept) >= _KEPT_MAX:
                    self._kept.clear()
                self._kept[key] = found
        return found

    def _fresh(self, request: Request) -> Read | Mismatch:
        known = recognise(request)
        if known is None:
            return Read(None, Prompt())
        try:
            return Read(known[0], known[0].prompt(request))
        except DialectError as error:
            return Mismatch(str(error))
