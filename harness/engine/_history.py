"""What happened, one entry per attempt, in the order in which the requests were issued."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import overload

from harness.dialects import decode, prompt_of
from harness.model import (
    ZERO,
    At,
    Chunk,
    End,
    Event,
    Head,
    Interaction,
    Left,
    Nanos,
    Patience,
    Prompt,
    Reply,
    Request,
    Reset,
    TimedOut,
    Timeline,
)

_BAD_STATUS = 300
"""A redirect is no answer either: the same request again is its next attempt."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is not on the wire: a status message, a wait, what the call returned or raised."""

    at: Nanos
    label: str
    text: str


@dataclass(slots=True)
class Entry:
    """One attempt of one call. Times are offsets since the session was opened.

    `id` names the interaction or rule that answered, `how` says how it was found (`key`, `operation`, `body`, `prompt`,
    `rule`, `function`), or is `live` or `miss`. `played` are the times at which the first events of `answered` came:
    numbers and no pairs, because a thousand replays keep them all and the garbage collector would visit every pair.
    `heard` is what else came: everything of a live answer, a timeout of the caller's own. `broke` is what the caller's
    own HTTP parser made of an answer that is no HTTP.
    `awaits` counts how often the task that asked gave up its loop since, where the session counts that.
    `patience` is how long the caller itself said it would wait.
    """

    call: int
    attempt: int
    request: Request
    at: Nanos
    id: str = ""
    how: str = ""
    answered: Interaction | None = None
    played: list[int] = field(default_factory=list)
    heard: list[At] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    left: Left | None = None
    left_at: Nanos = ZERO
    broke: Reset | None = None
    awaits: int = 0
    patience: Patience | None = None
    _prompt: Prompt | None = None

    @property
    def prompt(self) -> Prompt:
        """What was asked, decoded; an empty Prompt where no dialect recognises the request."""
        if self._prompt is None:
            self._prompt = prompt_of(self.request) or Prompt()
        return self._prompt

    @property
    def events(self) -> list[At]:
        """What was delivered, and when since the session was opened."""
        script = self.answered.timeline.events if self.answered is not None else ()
        return [*((Nanos(at), event) for at, (_, event) in zip(self.played, script, strict=False)), *self.heard]

    @property
    def timeline(self) -> Timeline:
        """What this attempt has heard so far, with offsets since the request."""
        shifted = tuple((Nanos(at - self.at), event) for at, event in self.events)
        if shifted and isinstance(shifted[-1][1], End | Reset | TimedOut):
            return Timeline(shifted)
        last = shifted[-1][0] if shifted else ZERO
        return Timeline(shifted, self.left or "open", max(last, Nanos(self.left_at - self.at)))

    @property
    def reply(self) -> Reply | None:
        """What was answered, decoded; None where no dialect recognises the request."""
        return decode(self.answered.request if self.answered is not None else self.request, self.timeline)

    @property
    def chunks(self) -> int:
        """How many chunks were delivered."""
        return sum(isinstance(event, Chunk) for _, event in self.events)

    @property
    def outcome(self) -> str:
        """`ok`, `http 429`, `ReadError`, `ReadTimeout`, `closed`, `cancelled`, `open` or `miss`."""
        if self.how == "miss":
            return "miss"
        if self.broke is not None:
            return self.broke.error
        events = self.events
        for _, event in reversed(events):
            match event:
                case Reset(error=error):
                    return error
                case TimedOut(phase=phase):
                    return f"{phase.capitalize()}Timeout"
                case Head(status=status) if status >= _BAD_STATUS:
                    return f"http {status}"
        if events and isinstance(events[-1][1], End):
            return "ok"
        return self.left or "open"

    @property
    def failed(self) -> bool:
        """True where the same request again is a further attempt, and not a new call."""
        return not self._went_well and self.outcome not in {"ok", "open", "miss"}

    @property
    def _went_well(self) -> bool:
        """What `outcome` says of nearly every attempt, without looking at each event."""
        if self.heard or self.broke is not None or self.answered is None:
            return False
        events = self.answered.timeline.events
        if len(self.played) != len(events) or self.answered.timeline.left is not None:
            return False
        head = events[0][1]
        return isinstance(head, Head) and head.status < _BAD_STATUS and isinstance(events[-1][1], End)

    def note(self, at: Nanos, label: str, text: str) -> None:
        """Remember something that is not on the wire."""
        self.notes.append(Note(at, label, text))

    def hear(self, at: Nanos, event: Event) -> None:
        """Remember an event that is not the next one of `answered`."""
        self.heard.append((at, event))


class History:
    """The entries of one session. Append-only; an entry grows while its answer is being delivered."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._latest: dict[tuple[str, str, bytes], Entry] = {}
        self._calls = 0

    def begin(self, request: Request, at: Nanos) -> Entry:
        """A new entry: the next attempt where the same bytes were asked before and failed, else a new call."""
        raw = (request.method, request.url, request.body)
        before = self._latest.get(raw)
        if before is not None and before.failed:
            entry = Entry(before.call, before.attempt + 1, request, at)
        else:
            self._calls += 1
            entry = Entry(self._calls, 1, request, at)
        self._latest[raw] = entry
        self._entries.append(entry)
        return entry

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return self._calls

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        return self._entries[index]

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
