"""Engine: decides what happens to a request, and waits for nothing. Not thread-safe: the session holds a lock."""

from __future__ import annotations

from harness.engine._exchange import Exchange, Watcher
from harness.engine._history import Entry, History
from harness.engine._miss import explanation, silence
from harness.engine._mode import Rights
from harness.engine._take import Live, Take
from harness.errors import Miss
from harness.matching import Redaction
from harness.model import ZERO, Nanos, Patience, Request
from harness.spec import Found, Source

REPLAY = Rights(plays=True, records=False)


class Engine:
    """One session's decisions: answer from `source`, call upstream, or miss, as `rights` allow.

    `hint` is what to type after a miss. `watchers` are described at Watcher.
    """

    def __init__(
        self,
        source: Source,
        rights: Rights = REPLAY,
        *,
        opened_at: Nanos = ZERO,
        hint: str = "",
        redaction: Redaction | None = None,
    ) -> None:
        self.source = source
        self.rights = rights
        self.opened_at = opened_at
        self.hint = hint
        self.history = History()
        self.takes: list[Take] = []
        self.misses: list[Miss] = []
        self.watchers: list[Watcher] = []
        self._redaction = redaction or Redaction.default()

    def open(self, request: Request, now: Nanos, patience: Patience) -> Exchange | Live:
        """What to do about `request`, asked at `now` by a caller of this `patience`. Raises Miss, and remembers it."""
        entry = self.history.begin(request, Nanos(now - self.opened_at))
        found = self.source.find(request) if self.rights.plays else None
        if isinstance(found, Found):
            return self._answer(found, entry, patience)
        if self.rights.records:
            return self._record(request, entry)
        entry.how = "miss"
        assert found is not None, "a session that neither plays nor records"
        shown = self._redaction.request(request)
        raise self._missed(explanation(shown, found, self.source.name, self.history, self.hint))

    def _answer(self, found: Found, entry: Entry, patience: Patience) -> Exchange:
        entry.id, entry.how, entry.answered = found.interaction.id, found.how, found.interaction
        for watcher in self.watchers:
            watcher(entry, None)
        return Exchange(
            found.interaction,
            entry,
            patience,
            opened_at=self.opened_at,
            watchers=self.watchers,
            on_silence=self._silent,
        )

    def _record(self, request: Request, entry: Entry) -> Live:
        entry.how = "live"
        take = Take(request, entry)
        self.takes.append(take)
        return Live(take)

    def _silent(self, entry: Entry) -> Miss:
        return self._missed(silence(entry, self._redaction.request(entry.request)))

    def _missed(self, text: str) -> Miss:
        miss = Miss(text)
        self.misses.append(miss)
        return miss
