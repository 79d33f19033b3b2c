"""Redaction of a body that is still arriving: no cut of the stream lets a secret through, and little is held back."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from harness.matching import Piece, Redaction, StreamRedactor
from harness.matching._stream import WITHHELD_MAX

KEY = "sk-proj-" + "Ab3" * 16
JWT = "eyJhbGciOiJIUzI1NiJ9." + "Zm9vYmFy" * 4 + "." + "c2lnbmF0" * 5
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEow+/9aB3\n" * 6 + "-----END RSA PRIVATE KEY-----"
SECRETS = {
    "a key": f'data: {{"delta":{{"content":"use {KEY} now"}}}}\n\n',
    "a key behind a slash": f"see https://x.example/{KEY}?a=b\n\n",
    "a JWT": f'{{"jwt": "{JWT}", "more": 1}}',
    "a bearer token": "Authorization: Bearer abcdefghij0123456789.~klm and so on\n",
    "a field": '{"user": "me", "password": "hunter2, really", "n": 1}',
    "a field with quotes inside": r'{"client_secret": "a\"b\\c d e f", "n": 1}',
    "a field in arguments": r'{"arguments": "{\"api_key\": \"q w e r t y\", \"n\": 1}"}',
    "an AWS secret": 'aws_secret_access_key = "' + "wJalrXUt/bPxRfiC" * 2 + 'abcd1234" end\n',
    "a private key": f'{{"text": "{PEM} and text"}}',
    "a private key in a JSON text": f'{{"text": "{PEM}"}}'.replace("\n", "\\n"),
}


def written(redactor: StreamRedactor, pieces: Iterable[bytes]) -> list[bytes]:
    """What was let go of after each of `pieces`, and at the end."""
    out = [b"".join(piece.data for piece in redactor.feed(data)) for data in pieces]
    return [*out, b"".join(piece.data for piece in redactor.close())]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 16, 33, 1000])
@pytest.mark.parametrize("name", SECRETS)
def test_no_cut_of_the_stream_changes_what_is_written(name: str, size: int) -> None:
    data = f"before\n\n{SECRETS[name]}after\n\n".encode()
    whole = Redaction.default().data(data)
    assert whole != data
    assert b"".join(written(StreamRedactor(Redaction.default()), cut(data, size))) == whole


@pytest.mark.parametrize("name", SECRETS)
def test_one_cut_anywhere_writes_no_secret_before_it_is_whole(name: str) -> None:
    data = SECRETS[name].encode()
    secret = [data[span.start : span.stop] for span in Redaction.default().spans(data)]
    assert secret
    for at in range(len(data)):
        redactor = StreamRedactor(Redaction.default())
        first = b"".join(piece.data for piece in redactor.feed(data[:at]))
        rest = b"".join(piece.data for piece in redactor.close())
        start = data.find(secret[0])
        assert first == data[: len(first)] or b"REDACTED" in first
        assert len(first) <= start or b"REDACTED" in first, (at, first)
        assert secret[0] not in first + rest


def test_random_cuts_of_many_secrets_write_what_the_whole_body_would() -> None:
    dice = random.Random(4)
    for _ in range(150):
        data = "".join(dice.choice([*SECRETS.values(), "data: {}\n\n", "plain words, "]) for _ in range(6)).encode()
        at = sorted(dice.sample(range(len(data)), min(len(data), 12)))
        pieces = [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]
        assert b"".join(written(StreamRedactor(Redaction.default()), pieces)) == Redaction.default().data(data)


def test_an_event_without_secrets_is_let_go_of_at_once() -> None:
    redactor = StreamRedactor(Redaction.default())
    for number in range(50):
        event = f'data: {{"id":"chatcmpl-{"x9" * 12}","choices":[{{"delta":{{"content":"w{number}"}}}}]}}\n\n'.encode()
        assert redactor.feed(event) == [Piece(len(event), event)]


def test_pieces_say_how_many_bytes_of_the_stream_they_stand_for() -> None:
    data = SECRETS["a field"].encode()
    redactor = StreamRedactor(Redaction.default())
    pieces = [piece for chunk in cut(data, 4) for piece in redactor.feed(chunk)] + redactor.close()
    assert sum(piece.raw for piece in pieces) == len(data)
    at = data.find(b"hunter2")
    replaced = next(piece for piece in pieces if piece.data == b"REDACTED-password")
    assert replaced.raw == len(b"hunter2, really")
    assert sum(piece.raw for piece in pieces[: pieces.index(replaced)]) == at


@pytest.mark.parametrize(
    "start, inside, end",
    [
        ("eyJ", "Zm9v", "."),
        (f"{KEY}", "Ab3", "\n"),
        ('{"password": "', "many words ", '"}'),
        ("-----BEGIN PRIVATE KEY-----\n", "MIIEow+/\n", '"'),
    ],
)
def test_what_is_longer_than_the_bound_is_never_held_and_never_written(start: str, inside: str, end: str) -> None:
    redactor = StreamRedactor(Redaction.default())
    held_max = 0
    out = b""
    if start == "eyJ":
        start = JWT  # a JWT is one only with all its parts
    fed = 0
    for data in cut((start + inside * 3000 + end + " and after\n").encode(), 100):
        out += b"".join(piece.data for piece in redactor.feed(data))
        fed += len(data)
        held_max = max(held_max, len(redactor._held))
    out += b"".join(piece.data for piece in redactor.close())
    assert held_max <= WITHHELD_MAX
    assert inside.encode() * 3 not in out
    assert out.count(b"REDACTED-") == 1
    assert out.endswith(b" and after\n")


def test_a_long_run_that_is_no_secret_goes_through() -> None:
    image = "QUJD" * 5000
    redactor = StreamRedactor(Redaction.default())
    assert b"".join(written(redactor, cut(f'"{image}" x'.encode(), 700))) == f'"{image}" x'.encode()


def test_a_shape_of_your_own_is_found_over_any_cut() -> None:
    redaction = Redaction.of([{"name": "badge", "regex": r"badge of\s+[A-Z][a-z]+"}])
    data = b"this is the badge of\n\n  Maria, and that was all\n\n" * 3
    for size in (1, 5, 1000):
        assert b"".join(written(StreamRedactor(redaction), cut(data, size))) == redaction.data(data)
