"""Secrets that the bytes do not show in one piece."""

from __future__ import annotations

import base64
import json
from zlib import crc32

import pytest

from harness.matching import Redaction, Rules, key
from harness.model import Chunk, Head, Request, Timeline

REDACTION = Redaction.default()
KEY = "sk-" + "proj-" + "Ab1" * 16


def test_a_boundary_that_stands_inside_a_secret_makes_no_other_key() -> None:
    secret = "aws_secret_access_key=" + "Ab1Cd2bndE" * 4
    body = f'--bnd\r\nContent-Disposition: form-data; name="a"\r\n\r\n{secret}\r\n--bnd--\r\n'.encode()
    asked = Request("POST", "https://h/", body=body)
    kept = REDACTION.request(asked)
    assert secret.encode() not in kept.body
    assert key(kept, Rules()) == key(asked, Rules())
    other = Request("POST", "https://h/", body=body.replace(b"--bnd", b"--other"))
    assert key(other, Rules()) == key(asked, Rules())


def stream(*pieces: str) -> bytes:
    frames = [json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}) for piece in pieces]
    return "".join(f"data: {frame}\n\n" for frame in frames).encode()


def texts(body: bytes) -> list[str]:
    lines = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: ")]
    return [line["choices"][0]["delta"]["content"] for line in lines]


def redacted(body: bytes) -> bytes:
    return REDACTION.timeline(Timeline.of(Head(200), [body])).body


@pytest.mark.parametrize("cut", range(1, len(KEY)))
def test_a_key_over_two_deltas_is_found_wherever_it_is_cut(cut: int) -> None:
    pieces = texts(redacted(stream("it is ", KEY[:cut], KEY[cut:], " there")))
    assert "".join(pieces) == "it is REDACTED-openai-key there"
    assert len(pieces) == 4


def test_what_makes_it_a_secret_may_stand_in_another_delta() -> None:
    assert "".join(texts(redacted(stream("https://user:hunter2", "@host/x")))) == "https://REDACTED-userinfo@host/x"
    assert "".join(texts(redacted(stream('{"pass', 'word": "hun', 'ter2"}')))) == '{"password": "REDACTED-password"}'


def test_every_delta_keeps_its_time_and_other_channels_are_left_alone() -> None:
    body = stream("a", KEY[:9], KEY[9:], "b")
    size = len(stream("a"))
    timeline = Timeline.of(Head(200), [body[:size], body[size:-9], body[-9:]])
    clean = REDACTION.timeline(timeline)
    assert [at for at, event in clean.events if isinstance(event, Chunk)] == [
        at for at, event in timeline.events if isinstance(event, Chunk)
    ]
    ids = b'data: {"id": "sk-pro"}\n\ndata: {"id": "j-Ab1Ab1"}\n\n'
    assert redacted(ids) == ids


def test_a_stream_without_secrets_is_the_same_bytes() -> None:
    body = stream("Hello ", "wor", "ld, “é” ", "\\n\n")
    assert redacted(body) == body


def message(payload: bytes) -> bytes:
    lengths = (16 + len(payload)).to_bytes(4) + bytes(4)
    data = lengths + crc32(lengths).to_bytes(4) + payload
    return data + crc32(data).to_bytes(4)


def test_messages_of_an_event_stream_are_made_anew_with_right_checksums() -> None:
    said = [json.dumps({"delta": {"text": piece}}).encode() for piece in ("it is ", KEY[:7], KEY[7:], ".")]
    plain = b"".join(map(message, said))
    wrapped = b"".join(message(b'{"bytes":"' + base64.b64encode(one) + b'"}') for one in said)
    for body in (plain, wrapped):
        clean, found = redacted(body), []
        while clean:
            size = int.from_bytes(clean[:4])
            one, clean = clean[:size], clean[size:]
            assert message(one[12:-4]) == one
            payload = json.loads(one[12:-4])
            payload = json.loads(base64.b64decode(payload["bytes"])) if "bytes" in payload else payload
            found.append(payload["delta"]["text"])
        assert "".join(found) == "it is REDACTED-openai-key."
        assert redacted(redacted(body)) == redacted(body)


@pytest.mark.parametrize(
    "text, clean",
    [
        ("postgres://app:s3cr3t@db/x", "postgres://REDACTED-userinfo@db/x"),
        ("GET https://h/x?a=1&access_token=abcdef1 failed", "GET https://h/x?a=1&access_token=REDACTED-token failed"),
        (
            'form-data; name="password"\r\n\r\nhunter2\r\n--x',
            'form-data; name="password"\r\n\r\nREDACTED-password\r\n--x',
        ),
        (r'"{\\\"password\\\": \\\"hunter2\\\"}"', r'"{\\\"password\\\": \\\"REDACTED-password\\\"}"'),
        ("https://{user}:{password}@host and ${a}://x:${B}@y", "https://{user}:{password}@host and ${a}://x:${B}@y"),
    ],
)
def test_what_stands_before_it_makes_it_a_secret(text: str, clean: str) -> None:
    assert REDACTION.text(text) == clean
    assert REDACTION.text(clean) == clean
