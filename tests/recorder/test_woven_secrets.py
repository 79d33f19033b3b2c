"""A secret that a model spells over many events: the journal never holds it, at no moment, in no provider's form."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

import harness
from harness.engine import Entry, Mode, Take
from harness.matching import Redaction, Rules
from harness.matching._event_stream import said
from harness.matching._leaves import leaves
from harness.matching._stream import WITHHELD_MAX
from harness.model import ZERO, Chunk, End, Head, Nanos, Request
from harness.recorder import Recorder, recover
from harness.recorder._heard import _timeline
from harness.recorder._records import read_records
from tests.leaks.planting import KINDS, core
from tests.recorder.streams import STREAMS, anthropic, openai_chat

BEFORE, AFTER = "it is ", " there, and that was all of it."
TOLD_MAX = 4  # of a secret without a prefix, letters that could be any word's


class Watched:
    """A recording of one answer, and what its journal on the disk would give to a thief after each event."""

    def __init__(self, folder: Path, redact: Sequence[object] = ()) -> None:
        self.path = folder / "talk.yaml"
        rules = Rules.of(redact=redact)
        self.recorder = Recorder(self.path, Mode.ONCE, rules)
        request = Request("POST", "https://api.example/v1/x")
        self.take = Take(request, Entry(1, 1, request, ZERO))
        self.recorder.follow(self.take)
        self.take.sent(ZERO)
        self.take.heard(ZERO, Head(200))

    def hear(self, *chunks: bytes) -> bytes:
        for data in chunks:
            self.take.heard(Nanos(1), Chunk(data))
        return self.body()

    def end(self) -> bytes:
        self.take.heard(Nanos(2), End())
        return self.body()

    def body(self) -> bytes:
        """All that can be read out of the file, before anything is redacted once more."""
        journal = self.path.with_name("talk.yaml.journal").read_bytes()
        return _timeline([one for one in read_records(journal)[0] if one.kind not in {"ask", "journal"}]).body

    def crash(self) -> None:
        self.recorder._journal.release()


def text_of(body: bytes) -> str:
    """What is said in `body`, all of it, in order: whatever else stands there is short."""
    found = leaves(said(body)) or leaves(said(body).rstrip(b", \r\n") + b"\n]")
    names = {"content", "arguments", "token", "delta", "text", "partial_json"}
    return "".join(leaf.text for leaf in found if leaf.name in names and not leaf.text.startswith("word "))


def pieces(text: str, dice: random.Random, longest: int) -> list[str]:
    at = [0]
    while at[-1] < len(text):
        at.append(min(len(text), at[-1] + dice.randint(1, longest)))
    return [text[a:b] for a, b in pairwise(at)]


@pytest.mark.parametrize("stream", STREAMS)
def test_the_journal_never_holds_a_secret_that_events_spell_together(stream: str, tmp_path: Path) -> None:
    dice = random.Random(stream)
    first = sorted(STREAMS).index(stream) % 5  # five streams have all kinds between them
    for number, kind in enumerate(sorted(KINDS)[first::5]):
        secret = KINDS[kind](dice)
        said_text = BEFORE + secret + AFTER
        clean = Redaction.default().text(said_text)
        watched = Watched(tmp_path / str(number))
        for event in STREAMS[stream](pieces(said_text, dice, 2 + number)):
            text = text_of(watched.hear(event))
            assert core(secret)[TOLD_MAX:] not in text, kind
            if stream != "whole_with_logprobs":
                _assert_clean(text, clean, secret, kind)
        assert text_of(watched.end()).endswith(clean.removeprefix(BEFORE)), kind


def _assert_clean(text: str, clean: str, secret: str, kind: str) -> None:
    """All of `text` is the beginning of `clean`; of a secret without a prefix a few letters may stand before that."""
    told = next((n for n in range(TOLD_MAX, 0, -1) if kind == "azure" and text.startswith(BEFORE + secret[:n])), 0)
    assert clean.startswith(BEFORE[: len(text)] + text[len(BEFORE) + told :]), (kind, text)


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("stream", sorted(set(STREAMS) - {"whole_with_logprobs"}))
def test_nor_where_the_network_cuts_the_events(stream: str, size: int, tmp_path: Path) -> None:
    secret = KINDS["openai project"](random.Random(1))
    data = b"".join(STREAMS[stream](pieces(BEFORE + secret + AFTER, random.Random(2), 9)))
    watched = Watched(tmp_path)
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    looks = 1 + 300 // size  # reading the file after every byte would be reading it ten thousand times
    for at in range(0, len(cut), looks):
        body = watched.hear(*cut[at : at + looks])
        for letters in (secret[:12], secret[12:24], secret[-12:]):
            assert letters not in text_of(body)
            assert letters.encode() not in body
    assert text_of(watched.end()) == f"{BEFORE}REDACTED-openai-key{AFTER}"


@pytest.mark.parametrize("stream", STREAMS)
def test_what_is_recovered_after_the_end_is_every_byte_where_nothing_is_secret(stream: str, tmp_path: Path) -> None:
    events = STREAMS[stream](
        pieces("Well, sk is no key. Nor is organization, proj_ or eyJust so. " * 4, random.Random(3), 5)
    )
    watched = Watched(tmp_path)
    for event in events:
        watched.hear(event)
    watched.end()
    watched.crash()
    recover(watched.path)
    (found,) = harness.load(watched.path)
    assert found.timeline.chunks == tuple(events)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_kill_after_any_event_loses_at_most_what_is_withheld(stream: str, tmp_path: Path) -> None:
    text = "I have seen sk-proj-, eyJ and -----BEGIN things in org- charts, 'password': none. " * 2
    watched, sent = Watched(tmp_path), b""
    for event in STREAMS[stream](pieces(text, random.Random(4), 6)):
        sent += event
        body = watched.hear(event)
        assert len(sent) - len(body) <= WITHHELD_MAX
        assert text.startswith(text_of(body))
        assert len(text_of(sent)) - len(text_of(body)) <= 40 or stream == "whole_with_logprobs"
    assert watched.end() == sent


def test_a_secret_that_is_longer_than_the_bound_is_swallowed_to_its_end(tmp_path: Path) -> None:
    value = "many words " * 600
    watched = Watched(tmp_path)
    for event in anthropic(pieces(f'{{"password": "{value}", "n": 1}}', random.Random(5), 400)):
        body = watched.hear(event)
        assert "words" not in text_of(body)
    assert text_of(watched.end()) == '{"password": "REDACTED-password", "n": 1}'


def test_a_shape_of_your_own_is_found_over_the_events(tmp_path: Path) -> None:
    watched = Watched(tmp_path, redact=[{"name": "badge", "regex": r"badge of\s+[A-Z][a-z]+"}])
    for event in openai_chat(pieces("the badge of Maria is here", random.Random(6), 4)):
        assert "Maria" not in text_of(watched.hear(event))
    assert text_of(watched.end()) == "the REDACTED-badge is here"
