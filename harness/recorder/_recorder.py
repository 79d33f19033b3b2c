"""Recorder: a cassette opened in a record mode, and what becomes of it at the end.

A replay has no Recorder and can write nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.engine import Mode, Rights, Take, rights
from harness.matching import Rules, key
from harness.model import Cassette, Interaction
from harness.storage import load, save


def failed_path(path: Path) -> Path:
    """Where the cassette of a failed run is kept aside: `refund.yaml` becomes `refund.failed.yaml`."""
    return path.with_name(f"{path.stem}.failed{path.suffix}")


class Recorder:
    """The file side of a session that may write.

    `rewrite` forgets what the cassette held. Raises CassetteError where a cassette is there and cannot be read: it is
    never taken for an empty one.
    """

    def __init__(self, path: Path, mode: Mode, rules: Rules, *, rewrite: bool = False) -> None:
        self.path = path
        self.mode = mode
        self._rules = rules
        exists = path.exists() and not rewrite
        self.before = load(path) if exists else Cassette(name=str(path))
        self.rights: Rights = rights(mode, exists=exists)

    def result(self, takes: Sequence[Take]) -> Cassette:
        """The cassette as it will be written: redacted, in the order of the requests."""
        heard = [self._redacted(take.interaction()) for take in takes]
        if self.mode is Mode.ALL:
            kept = _replaced(self.before.interactions, heard, self._rules)
        else:
            kept = [*self.before.interactions, *heard]
        numbered = tuple(replace(it, id=f"#{place + 1}") for place, it in enumerate(kept))
        return Cassette(numbered, name=str(self.path))

    def save(self, takes: Sequence[Take], *, aside: bool = False) -> Path | None:
        """Write what was heard, `aside` where the run failed. Returns the path, or None where nothing was to be
        written.

        Raises CassetteWriteError; what was there before is then intact.
        """
        if not takes and (aside or self.before.interactions or self.path.exists()):
            return None
        target = failed_path(self.path) if aside else self.path
        save(target, self.result(takes))
        return target

    def _redacted(self, interaction: Interaction) -> Interaction:
        redaction = self._rules.redaction
        return replace(
            interaction,
            request=redaction.request(interaction.request),
            timeline=redaction.timeline(interaction.timeline),
        )


def _replaced(before: Iterable[Interaction], heard: Sequence[Interaction], rules: Rules) -> list[Interaction]:
    """The mode `all` as in vcrpy since 8.4: a new answer takes the place of the old one; all else stays."""
    fresh: defaultdict[bytes, list[Interaction]] = defaultdict(list)
    for interaction in heard:
        fresh[key(interaction.request, rules)].append(interaction)
    kept: list[Interaction] = []
    for old in before:
        same = fresh.get(key(old.request, rules))
        if same is None:
            kept.append(old)
        elif same:
            kept.append(same.pop(0))
    placed = {id(interaction) for interaction in kept}
    return [*kept, *(interaction for interaction in heard if id(interaction) not in placed)]
