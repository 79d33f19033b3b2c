"""Recorder: a cassette opened in a record mode, and what becomes of it at the end.

A replay has no Recorder and can write nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.engine import Mode, Rights, Take, rights
from harness.errors import CassetteChangedError, CassetteWriteError, SecretFoundError
from harness.matching import Rules, key, refuse_secrets
from harness.model import Cassette, Interaction
from harness.recorder._aside import aside
from harness.recorder._journal import Journal, Scribe, refuse_orphans
from harness.storage import fingerprint, fingerprint_of, parse, read_bytes, refuse_foreign_name, save


def failed_path(path: Path) -> Path:
    """Where the cassette of a failed run is kept aside: `refund.yaml` becomes `refund.failed.yaml`."""
    return aside(path, "failed")


class Recorder:
    """The file side of a session that may write.

    `rewrite` forgets what the cassette held. `beside` is the cassette that the journal lies beside, where what is
    recorded to `path` becomes a part of it. Raises CassetteError where a cassette is there and cannot be read (it is
    never taken for an empty one), where a recording of it was cut off and waits to be recovered, and where its name
    says that it is no YAML.
    """

    def __init__(
        self, path: Path, mode: Mode, rules: Rules, *, rewrite: bool = False, beside: Path | None = None
    ) -> None:
        self.path = path
        self._place = path.absolute()  # the code that is recorded may change the working directory
        self.mode = mode
        self._rules = rules
        data = read_bytes(path) if path.exists() else None
        self._seen = fingerprint_of(data) if data is not None else None
        exists = data is not None and not rewrite
        self.before = parse(data, str(path)) if data is not None and exists else Cassette(name=str(path))
        self.rights: Rights = rights(mode, exists=exists)
        if self.rights.records:
            refuse_foreign_name(path)  # now, and not when all has been said and paid for
            refuse_orphans(beside or path)
        about = {"mode": "rewrite" if rewrite else mode.value, "before": self._seen.hex() if self._seen else None}
        self._journal = Journal((beside or path).absolute(), rules.redaction, about)

    def follow(self, take: Take) -> None:
        """Keep a journal of what `take` asks and hears, so that a crash loses at most the event in flight."""
        self._journal.follow(take)

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

        Raises CassetteWriteError; what was there before is then intact, and what was heard is in the journal. Raises
        CassetteChangedError where somebody else changed the file meanwhile; what was heard is then put aside.
        Raises SecretFoundError where something in it looks like a secret that no rule replaced. Then nothing is kept,
        the journal included: what must not reach the disk must not stay there.
        """
        if not takes and (aside or self.before.interactions or self._place.exists()):
            return None
        target = failed_path(self.path) if aside else self.path
        try:
            self._write(target, takes)
        except SecretFoundError:
            forget(takes)
            raise
        except CassetteChangedError as error:
            target = failed_path(self.path)
            self._write(target, takes)
            forget(takes)
            message = f"{error} What was recorded is in {target}.\n  next: compare the two, or record again"
            raise CassetteChangedError(message) from error
        except CassetteWriteError as error:
            message = f"{error}{_left_behind(takes)}"
            raise CassetteWriteError(message) from error
        forget(takes)
        return target

    def _write(self, target: Path, takes: Sequence[Take]) -> None:
        cassette = self.result(takes)
        before = {id(one.timeline) for one in self.before}  # what stands in the file is no news to anybody
        fresh = [(at, one) for at, one in enumerate(cassette, 1) if id(one.timeline) not in before]
        refuse_secrets(fresh, self._rules, str(target))
        if target == self.path:
            save(self._place, cassette, replaces=self._seen)
            self._seen = fingerprint(self._place)
        else:
            save(failed_path(self._place), cassette)

    def _redacted(self, interaction: Interaction) -> Interaction:
        redaction = self._rules.redaction
        return replace(
            interaction,
            request=redaction.request(interaction.request),
            timeline=redaction.timeline(interaction.timeline),
        )


def forget(takes: Iterable[Take]) -> None:
    """Delete the journals of `takes`: what they heard has reached the disk, or nobody wants it."""
    for journal in _journals(takes):
        journal.discard()


def _journals(takes: Iterable[Take]) -> list[Journal]:
    return list({id(t.witness.journal): t.witness.journal for t in takes if isinstance(t.witness, Scribe)}.values())


def _left_behind(takes: Iterable[Take]) -> str:
    """Where what was heard can be had from, for a cassette that could not be written. The journals are let go of."""
    lines = []
    for journal in _journals(takes):
        journal.release()
        if journal.trouble is None and journal.path is not None:
            lines.append(f"\n  What was recorded is in {journal.path}.\n  next: harness recover {journal.path}")
    return "".join(lines)


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
