"""What the clients of the parity table are asked, and what the code around one got to see."""

from __future__ import annotations

from dataclasses import dataclass

TIMEOUT_S = 2.0
RETRIES = 1
MODEL = "m"
TOOL = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked: where, with which fault in the header, what, streamed or not."""

    url: str
    fault: str
    text: str
    stream: bool
    tools: bool

    @property
    def headers(self) -> dict[str, str]:
        return {"x-harness-fault": self.fault}


@dataclass
class Seen:
    """The pieces of text as they came, and why it ended."""

    text: str = ""
    finish: str = ""
    calls: str = ""
