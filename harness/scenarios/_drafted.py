"""A scenario out of a recording: a draft in YAML, which plays the same answers to the same requests, to be edited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.dialects import recognise
from harness.matching import Rules, key
from harness.model import PER_SECOND, Cassette, Interaction
from harness.scenarios._drafted_content import Written
from harness.scenarios._drafted_reply import Drafted, drafted_reply
from harness.scenarios._drafted_when import drafted_when
from harness.scenarios._written_yaml import yaml_lines

_SLUG_WORDS: Final = 4
_NOTE_MAX: Final = 110
_SCHEMA: Final = "# yaml-language-server: $schema={schema}"


def drafted(recording: Cassette, name: str, *, schema: str = "", whole: bool = False) -> str:
    """The text of a scenario called `name` with the answers of `recording`, one call for each different request.

    `schema` is what an editor is told to check it with. With `whole` texts stand in one piece, and not in the pieces
    in which they came. What could not be said, or will play otherwise, stands in comments. Raises ValueError for a
    recording of no call: a scenario answers something.
    """
    if not recording.interactions:
        message = f"{recording.name or name} recorded no call, so there is nothing to make a scenario of"
        raise ValueError(message)
    lines = [_SCHEMA.format(schema=schema)] if schema else []
    lines += ["harness: 1", f"name: {_slug(name) or 'recorded'}"]
    count = f"{len(recording)} answer{'s' if len(recording) != 1 else ''}"
    lines += [*yaml_lines({"description": f"Made from {recording.name or name}, {count}."}, 0), ""]
    lines += _comments(recording.notes, 0)
    return "\n".join([*lines, *_calls(_rules(recording), whole=whole)]) + "\n"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one call answers: the same request several times, or several that no matcher can tell apart."""

    id: str
    when: Written
    heard: tuple[Interaction, ...]
    rivals: int


def _rules(recording: Cassette) -> list[_Rule]:
    """The calls; those that ask for less come after those that they would shadow."""
    groups = _groups(recording)
    asked = [group[0].request for group in groups]
    whens = [drafted_when(own, [other for other in asked if other is not own]) for own in asked]
    for number, (_, rivals) in enumerate(whens):
        for later in range(number + 1, len(whens)):
            if asked[later] in rivals and asked[number] in whens[later][1]:
                groups[number] += groups[later]
                groups[later] = []
    ids = _ids([when for when, _ in whens])
    rules = [
        _Rule(ids[number], when, tuple(groups[number]), len(rivals))
        for number, (when, rivals) in enumerate(whens)
        if groups[number]
    ]
    return sorted(rules, key=lambda rule: rule.rivals)


def _groups(recording: Cassette) -> list[list[Interaction]]:
    """The interactions, those that ask the same together."""
    rules, groups = Rules(), dict[bytes, list[Interaction]]()
    for one in recording:
        groups.setdefault(key(one.request, rules), []).append(one)
    return list(groups.values())


def _calls(rules: Sequence[_Rule], *, whole: bool) -> Iterator[str]:
    yield "calls:"
    for rule in rules:
        notes = [_source(one) for one in rule.heard]
        if len({one.request for one in rule.heard}) > 1:
            notes.append("these differ in what no matcher asks for, so they are answered in their order")
        yield from _call(rule, notes, [drafted_reply(one, whole=whole) for one in rule.heard])


def _call(rule: _Rule, notes: Sequence[str], replies: Sequence[Drafted]) -> Iterator[str]:
    told = [note for reply in replies for note in reply.notes]
    call: dict[str, Any] = {"when": rule.when} if rule.when else {}
    if len(replies) == 1:
        call["reply"] = replies[0].reply
        if replies[0].faults:
            call["faults"] = replies[0].faults
    else:
        call["sequence"] = [_struck(reply) for reply in replies]
        call["then"] = "error"
        if any(reply.faults for reply in replies):
            told.append("in a sequence a fault strikes where it does by itself")
    yield ""
    yield from _comments([*notes, *dict.fromkeys(told)], 2)
    yield f"  - id: {rule.id}"
    yield from yaml_lines(call, 4)


def _struck(reply: Drafted) -> Written:
    """`reply` as an item, which has a fault and no place for it."""
    faults = [{name: value for name, value in fault.items() if name != "at"} for fault in reply.faults]
    return {**reply.reply, **({"fault": faults[0]} if faults else {})}


def _source(one: Interaction) -> str:
    known, timeline = recognise(one.request), one.timeline
    what = known[1].name if known else f"{one.request.method} {one.request.url.partition('?')[0].rpartition('/')[2]}"
    seconds = f"{timeline.end_at / PER_SECOND:.1f}s"
    return f"{one.id or 'recorded'}: {what}, {len(timeline.chunks)} chunks in {seconds}"


def _comments(notes: Sequence[str], indent: int) -> Iterator[str]:
    for note in notes:
        line = " ".join(note.split())
        yield f"{' ' * indent}# {line if len(line) <= _NOTE_MAX else line[: _NOTE_MAX - 1] + '…'}"


def _ids(whens: Sequence[Written]) -> list[str]:
    """A name for each call, out of the last words that it asks for."""
    made: list[str] = []
    for number, when in enumerate(whens, 1):
        said = when.get("user", {})
        words = str(said.get("contains") or said.get("equals") or "").split()
        slug = _slug(" ".join(words[-_SLUG_WORDS:])) or f"call-{number}"
        made.append(slug if slug not in made else f"{slug}-{number}")
    return made


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower().encode("ascii", "ignore").decode()).strip("-")[:40].strip("-")
