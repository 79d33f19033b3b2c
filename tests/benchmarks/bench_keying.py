"""What keying costs, as a ratio to `json.loads` and `json.dumps` of the same body. At 200 kB at most 3, with redaction.

The shapes are as different as requests are; prose in one long string is the hardest, because there JSON costs least.
"""

from __future__ import annotations

import argparse
import base64
import inspect
import json
import random
from collections.abc import Iterator

from harness.matching import Rules, key
from harness.model import Request
from tests.benchmarks.ratio import Ratio, interleaved, seconds

BOUND = 3.0
LARGE, SMALL = 200_000, 600
WORDS = (
    "the",
    "of",
    "and",
    "model",
    "answer",
    "user",
    "question",
    "risk",
    "task",
    "person",
    "result_value",
    "get_weather",
)


def prose(dice: random.Random, size: int) -> str:
    """Words up to `size` characters."""
    return " ".join(dice.choice(WORDS) for _ in range(size // 6 + 1))[:size]


def bodies(size: int) -> dict[str, object]:
    """Bodies of about `size` bytes, by name."""
    dice = random.Random(1)
    turns = max(1, size // 250)
    return {
        "one message": {"messages": [{"role": "user", "content": prose(dice, size)}]},
        "one message with lines": {"messages": [{"content": prose(dice, size).replace(" the ", '\n"the" ')}]},
        "one message, not ASCII": {"messages": [{"role": "user", "content": "“é" + prose(dice, size)}]},
        "many messages": {"messages": [{"role": "user", "content": prose(dice, 200)} for _ in range(turns)]},
        "many tool results": {"messages": [_tool_result(dice) for _ in range(turns)]},
        "numbers": {"input": [[dice.random() for _ in range(25)] for _ in range(max(1, size // 500))]},
        "an image": {"image": base64.b64encode(dice.randbytes(size * 3 // 4)).decode()},
        "source code": {"messages": [{"content": (inspect.getsource(argparse) * 3)[:size]}]},
        "tool calls": {"messages": [_tool_call(i) for i in range(max(1, size // 110))]},
    }


def _tool_result(dice: random.Random) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": f"call_{dice.getrandbits(96):024x}", "content": prose(dice, 180)}


def _tool_call(number: int) -> dict[str, str]:
    written = {"path": "a/b.py", "text": f"def f():\n  return {number}\n"}
    return {"role": "assistant", "arguments": json.dumps(written)}


def measure() -> Iterator[Ratio]:
    """One ratio per shape and size; only the large ones are bound."""
    for size, rounds, repeat in ((LARGE, 15, 1), (SMALL, 15, 40)):
        for name, value in bodies(size).items():
            yield _measured(f"keying {size:,} bytes, {name}", json.dumps(value).encode(), rounds, repeat)


def _measured(name: str, body: bytes, rounds: int, repeat: int) -> Ratio:
    rules, request = Rules(), Request("POST", "https://api.openai.com/v1/chat/completions", body=body)

    def parse() -> None:
        for _ in range(repeat):
            json.dumps(json.loads(body))

    def ask() -> None:
        for _ in range(repeat):
            key(request, rules)

    base, tried = interleaved(lambda: seconds(parse), lambda: seconds(ask), rounds)
    return Ratio(name, tried / base, BOUND if repeat == 1 else None, f"{tried / repeat * 1e6:.0f} us")
