"""500 secrets of 30 kinds in every position, made anew at every run: whole keys are never in the source."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def _run(dice: random.Random, size: int, letters: str = ALNUM) -> str:
    return "".join(dice.choice(letters) for _ in range(size))


def _jwt(dice: random.Random) -> str:
    parts = [json.dumps({"alg": "HS256", "n": dice.random()}), json.dumps({"sub": _run(dice, 8)})]
    return ".".join([*(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts), _run(dice, 43)])


def _pem(dice: random.Random) -> str:
    lines = "\n".join(_run(dice, 64) for _ in range(4))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"


KINDS: dict[str, Callable[[random.Random], str]] = {
    "openai project": lambda d: "sk-" + "proj-" + _run(d, 64, ALNUM + "-_"),
    "openai classic": lambda d: "sk-" + _run(d, 48),
    "openai service": lambda d: "sk-" + "svcacct-" + _run(d, 60),
    "openai organisation": lambda d: "org-" + "0" + _run(d, 23),
    "anthropic": lambda d: "sk-" + "ant-api03-" + _run(d, 93, ALNUM + "-_") + "AA",
    "openrouter": lambda d: "sk-" + "or-v1-" + _run(d, 64, HEX),
    "google": lambda d: "AI" + "za" + _run(d, 35, ALNUM + "-_"),
    "google oauth": lambda d: "ya" + "29." + _run(d, 60, ALNUM + "-_"),
    "aws id": lambda d: "AK" + "IA" + _run(d, 16, string.ascii_uppercase + "234567"),
    "aws secret": lambda d: "aws_secret_access_key=" + _run(d, 40),
    "azure": lambda d: _run(d, 52) + "JQQ" + "J9" + _run(d, 27),
    "github": lambda d: "gh" + "p_" + _run(d, 36),
    "github fine": lambda d: "github" + "_pat_" + _run(d, 22) + "_" + _run(d, 59),
    "gitlab": lambda d: "gl" + "pat-" + _run(d, 20, ALNUM + "-_"),
    "slack": lambda d: "xo" + "xb-" + _run(d, 12, string.digits) + "-" + _run(d, 24),
    "stripe": lambda d: "sk" + "_live_" + _run(d, 24),
    "huggingface": lambda d: "hf" + "_" + _run(d, 34),
    "jwt": _jwt,
    "pem": _pem,
    "basic auth url": lambda d: f"https://user:{_run(d, 12)}@internal.example/repo",
    "bearer": lambda d: "Bearer " + "7" + _run(d, 40),
    "npm": lambda d: "np" + "m_" + _run(d, 36),
    "pypi": lambda d: "py" + "pi-AgEIcHlwaS5vcmc" + _run(d, 80, ALNUM + "-_"),
    "sendgrid": lambda d: "S" + "G." + _run(d, 22) + "." + _run(d, 43),
    "twilio": lambda d: "S" + "K" + _run(d, 32, HEX),
    "groq": lambda d: "gs" + "k_" + _run(d, 52),
    "xai": lambda d: "xa" + "i-" + _run(d, 80),
    "vault": lambda d: "hv" + "s." + "3" + _run(d, 30),
    "databricks": lambda d: "da" + "pi" + _run(d, 32, HEX),
    "digitalocean": lambda d: "do" + "p_v1_" + _run(d, 64, HEX),
}


@dataclass
class Planted:
    """What one exchange asks and answers, and the strings that must not survive."""

    secrets: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    userinfo: str = ""
    body: bytes = b""
    content_type: str = "application/json"
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: list[bytes] = field(default_factory=list)
    answer_type: str = "application/json"


def core(secret: str) -> str:
    """The part that must not survive: of a URL its password, of a key the key without the words around it."""
    if "://" in secret:
        return secret.split("user:")[1].split("@", maxsplit=1)[0]
    if secret.startswith("-----"):
        return secret.splitlines()[1]
    return secret.removeprefix("Bearer ").removeprefix("aws_secret_access_key=")


def one_line(secret: str) -> bool:
    return "\n" not in secret


def _chat(text: str) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}).encode()


def _deltas(pieces: list[str]) -> bytes:
    frames = [
        "data: " + json.dumps({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": piece}}]}) + "\n\n"
        for piece in ["Your key: ", *pieces, " and that is all."]
    ]
    return ("".join(frames) + "data: [DONE]\n\n").encode()


def _pieces(dice: random.Random, text: str, count: int) -> list[str]:
    edges = sorted(dice.sample(range(1, len(text)), min(count - 1, len(text) - 1)))
    return [text[a:b] for a, b in zip([0, *edges], [*edges, len(text)], strict=True)]


def _halves(data: bytes, inside: bytes) -> list[bytes]:
    at = data.find(inside[: len(inside) // 2]) + len(inside) // 2
    return [data[:at], data[at:]]


Position = Callable[[random.Random, str], Planted]


def _at_header(dice: random.Random, s: str) -> Planted:
    return Planted(headers={"x-note": f"use {s} here"} if one_line(s) else {"authorization": "Bearer " + core(s)})


def _at_named_header(dice: random.Random, s: str) -> Planted:
    return Planted(
        headers={dice.choice(["authorization", "x-api-key", "cookie", "api-key", "x-vendor-token"]): core(s)}
    )


def _at_query(dice: random.Random, s: str) -> Planted:
    return Planted(query=f"?alt=sse&note={quote(s)}")


def _at_userinfo(dice: random.Random, s: str) -> Planted:
    return Planted(userinfo=f"someone:{quote(core(s), safe='')}@")


def _at_json(dice: random.Random, s: str) -> Planted:
    return Planted(body=json.dumps({"messages": [{"role": "user", "content": f"my key is {s}, keep it"}]}).encode())


def _at_nested(dice: random.Random, s: str) -> Planted:
    inner = json.dumps({"command": "deploy", "env": {"NOTE": s, "list": [s]}})
    return Planted(body=json.dumps({"messages": [{"tool_calls": [{"function": {"arguments": inner}}]}]}).encode())


def _at_nested_twice(dice: random.Random, s: str) -> Planted:
    inner = json.dumps({"payload": json.dumps({"password": core(s)})})
    return Planted(body=json.dumps({"arguments": inner}).encode())


def _at_escaped(dice: random.Random, s: str) -> Planted:
    spelled = "".join(f"\\u{ord(char):04x}" if at % 3 == 0 else char for at, char in enumerate(json.dumps(s)[1:-1]))
    if "\\n" in json.dumps(s):
        spelled = json.dumps(s)[1:-1].replace("/", "\\/").replace("-----BEGIN", "-\\u002d---BEGIN")
    return Planted(body=b'{"content": "key ' + spelled.encode() + b'"}')


def _at_form(dice: random.Random, s: str) -> Planted:
    return Planted(
        body=f"grant_type=refresh&note={quote(s, safe='')}&client_secret={quote(core(s), safe='')}".encode(),
        content_type="application/x-www-form-urlencoded",
    )


def _at_multipart(dice: random.Random, s: str) -> Planted:
    body = (
        f'--bnd\r\nContent-Disposition: form-data; name="password"\r\n\r\n{core(s)}\r\n--bnd\r\nContent-Disposition: '
        f'form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nsee {s} there\r\n--bnd--\r\n'
    )
    return Planted(body=body.encode(), content_type="multipart/form-data; boundary=bnd")


def _at_field(dice: random.Random, s: str) -> Planted:
    return Planted(
        body=json.dumps({"config": {dice.choice(["password", "apiKey", "client_secret"]): core(s)}}).encode()
    )


def _at_answer(dice: random.Random, s: str) -> Planted:
    return Planted(answer=[_chat(f"It was {s} all along")])


def _at_answer_header(dice: random.Random, s: str) -> Planted:
    echo = {"x-echo": s} if core(s) == s else {}
    return Planted(answer_headers={"set-cookie": f"session={core(s)}; Path=/", **echo})


def _at_two_chunks(dice: random.Random, s: str) -> Planted:
    return Planted(answer=_halves(_chat(f"It was {s} all along"), json.dumps(s)[1:-1].encode()))


def _at_sse_chunks(dice: random.Random, s: str) -> Planted:
    data = _deltas([f"{s}"])
    return Planted(answer=_halves(data, json.dumps(s)[1:-1].encode()), answer_type="text/event-stream")


def _at_two_deltas(dice: random.Random, s: str) -> Planted:
    return Planted(answer=[_deltas(_pieces(dice, s, 2))], answer_type="text/event-stream")


def _at_many_deltas(dice: random.Random, s: str) -> Planted:
    data = _deltas(_pieces(dice, s, 9))
    size = dice.randint(20, 80)
    return Planted(answer=[data[at : at + size] for at in range(0, len(data), size)], answer_type="text/event-stream")


def _at_tool_deltas(dice: random.Random, s: str) -> Planted:
    arguments = json.dumps({"password": core(s), "city": "Paris"})
    frames = [
        "event: content_block_delta\ndata: "
        + json.dumps(
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": p}}
        )
        for p in _pieces(dice, arguments, 6)
    ]
    return Planted(answer=["\n\n".join([*frames, ""]).encode()], answer_type="text/event-stream")


def _at_ndjson(dice: random.Random, s: str) -> Planted:
    lines = [json.dumps({"message": {"content": p}, "done": False}) + "\n" for p in _pieces(dice, f"key {s} end", 4)]
    return Planted(answer=[line.encode() for line in lines], answer_type="application/x-ndjson")


POSITIONS: dict[str, Position] = {
    name.removeprefix("_at_"): position for name, position in dict(globals()).items() if name.startswith("_at_")
}


def plant(count: int, seed: int) -> list[tuple[str, str, Planted]]:
    """(kind, position, what is planted): at least `count`, every kind in turn and every position in turn."""
    dice = random.Random(seed)
    kinds, positions = list(KINDS), list(POSITIONS)
    planted = []
    for number in range(count):
        kind, position = kinds[number % len(kinds)], positions[(number // len(kinds) + number) % len(positions)]
        secret = KINDS[kind](dice)
        one = POSITIONS[position](dice, secret)
        one.secrets.append(core(secret))
        planted.append((kind, position, one))
    return planted
