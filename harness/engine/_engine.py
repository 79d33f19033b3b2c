"""Engine: decides what happens to a request, and waits for nothing. Not thread-safe: the session holds a lock."""

from __future__ import annotations

from harness.engine._dates import dated
from harness.engine._exchange import Exchange, Watcher
from harness.engine._history import Entry, History
from harness.engine._miss import explanation, silence
from harness.engine._mode import Rights
from harness.engine._take import Live, Take
from harness.errors import Miss, Silence
from harness.matching import Redaction
from harness.model import ZERO, Interaction, Nanos, Patience, Request
from harness.spec import Found, Mismatch, Overlay, Source

REPLAY = Rights(plays=True, records=False)


class Engine:
    """One session's decisions: answer from `source`, call upstream, or miss, as `rights` allow.

    `opened_at` is when it was opened by the clock of the sink, `opened_on` the same moment since 1970, for headers with
    a date. `overlay` is laid over each answer before it is played. `hint` is what to type after a miss.
    `watchers` are described at Watcher, `stops` at Exchange.
    """

    def __init__(
        self,
        source: Source,
        rights: Rights = REPLAY,
        *,
        opened_at: Nanos = ZERO,
        opened_on: Nanos = ZERO,
        overlay: Overlay | None = None,
        hint: str = "",
        redaction: Redaction | None = None,
    ) -> None:
        self.source = source
        self.rights = rights
        self.opened_at = opened_at
        self._opened_on = opened_on
        self.hint = hint
        self._overlay = overlay
        self.history = History()
        self.takes: list[Take] = []
        self.misses: list[Miss] = []
        self.watchers: list[Watcher] = []
        self.stops: list[Nanos] = []
        self._withheld: dict[int, Found] = {}
        self._redaction = redaction or Redaction.default()

    def open(self, request: Request, now: Nanos, patience: Patience, overlay: Overlay | None = None) -> Exchange | Live:
        """What to do about `request`, asked at `now` by a caller of this `patience`. Raises Miss, and remembers it.

        `overlay` is laid over this one answer, after that of the session."""
        entry = self.history.begin(request, Nanos(now - self.opened_at))
        entry.patience = patience
        kept = self._withheld.pop(entry.call, None) if entry.attempt > 1 else None
        found = kept or (self.source.find(request) if self.rights.plays else None)
        if isinstance(found, Found):
            return self._answer(found, entry, patience, overlay)
        if self.rights.records:
            return self._record(request, entry)
        assert found is not None, "a session that neither plays nor records"
        raise self._unanswered(entry, found, self.hint)

    def _answer(self, found: Found, entry: Entry, patience: Patience, overlay: Overlay | None) -> Exchange:
        struck = found.interaction
        for laid in (self._overlay, overlay):
            if laid is not None:
                struck = self._struck(laid, struck, entry)
        if struck.timeline is not found.interaction.timeline:
            self._withheld[entry.call] = found  # should this attempt fail, it is still to come
        answer = dated(struck, Nanos(self._opened_on + entry.at))
        entry.id, entry.how, entry.answered = answer.id, found.how, answer
        return Exchange(
            answer,
            entry,
            patience,
            opened_at=self.opened_at,
            watchers=self.watchers,
            on_silence=self._silent,
            stops=self.stops,
        )

    def _struck(self, overlay: Overlay, answer: Interaction, entry: Entry) -> Interaction:
        try:
            return overlay.strike(entry.call, entry.attempt, answer, entry.at)
        except ValueError as error:
            reason = Mismatch(f"a fault cannot strike {answer.id or 'this answer'}: {error}", answer.id)
            raise self._unanswered(entry, reason, "arm a fault that this dialect has a form for") from error

    def _unanswered(self, entry: Entry, why: Mismatch, hint: str) -> Miss:
        entry.how = "miss"
        shown = self._redaction.request(entry.request)
        return self._missed(explanation(shown, why, self.source.name, self.history, hint))

    def _record(self, request: Request, entry: Entry) -> Live:
        entry.how = "live"
        take = Take(request, entry)
        self.takes.append(take)
        return Live(take)

    def _silent(self, entry: Entry) -> Miss:
        return self._missed(silence(entry, self._redaction.request(entry.request)), Silence)

    def _missed(self, text: str, kind: type[Miss] = Miss) -> Miss:
        miss = kind(text)
        self.misses.append(miss)
        return miss
