"""Places, in one grammar everywhere: in YAML (`at:`), in test ids, in reports and on the command line.

    Case    = Locator "/kind=" id {"," param "=" value} ["/persistent"]
    Locator = "t=" duration | "call=" (n | "*" | id) ["/attempt=" (n | "*")] ["/" Point]
    Point   = "connect" | "headers" | "end" | ("chunk=" | "token=" | "byte=" | "await=") (n | "-" n | "*")
            | "event=" type ["[" n "]"]

A call is one call of the contract, or on the wire one request; the same request again after a failure is its next
attempt. Both count from one. `call=1` means its first attempt; `attempt=*` is every one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COUNTED = ("chunk", "token", "byte", "await")
_BARE = ("connect", "headers", "end")
_EVENT = re.compile(r"(?P<type>[^\[\]/]+)(?:\[(?P<n>\d+)\])?$")


@dataclass(frozen=True, slots=True)
class Locator:
    """A place in a session. `call` and `attempt` are a number as text, `*`, or for `call` an id.

    `point` is empty for "wherever the fault strikes by itself"; `index` is its number as text, `event_type` what
    `event=` names. `time` is a duration as text, and then everything else is empty.
    """

    call: str = "1"
    attempt: str = "1"
    point: str = ""
    index: str = ""
    event_type: str = ""
    time: str = ""

    @classmethod
    def parse(cls, text: str) -> Locator:
        """The locator that `text` says. Raises ValueError that shows the part which is not one."""
        if text.startswith("t="):
            return cls(call="", attempt="", time=_some(text[2:], text))
        parts = text.split("/")
        call = _after(parts[0], "call=", text)
        rest = parts[1:]
        attempt = "1"
        if rest and rest[0].startswith("attempt="):
            attempt = _number(_after(rest.pop(0), "attempt=", text), text)
        if len(rest) > 1:
            raise _not_one(text, rest[1])
        point, index, event_type = _point(rest[0], text) if rest else ("", "", "")
        return cls(call, attempt, point, index, event_type)

    def __str__(self) -> str:
        if self.time:
            return f"t={self.time}"
        attempt = "" if self.attempt == "1" else f"/attempt={self.attempt}"
        return f"call={self.call}{attempt}{self._point_text()}"

    def _point_text(self) -> str:
        if self.point == "event":
            return f"/event={self.event_type}" + (f"[{self.index}]" if self.index else "")
        if self.index:
            return f"/{self.point}={self.index}"
        return f"/{self.point}" if self.point else ""

    def meets(self, call: int, attempt: int, call_id: str = "") -> bool:
        """True where this place lies in attempt number `attempt` of call number `call`, whose id is `call_id`."""
        call_fits = self.call == "*" or self.call in {str(call), call_id}
        return call_fits and self.attempt in {"*", str(attempt)}


def _point(part: str, text: str) -> tuple[str, str, str]:
    name, equals, value = part.partition("=")
    if name in _BARE and not equals:
        return name, "", ""
    if name in _COUNTED and equals:
        return name, _number(value, text, negative=True), ""
    found = _EVENT.match(value) if name == "event" else None
    if not found:
        raise _not_one(text, part)
    return "event", found["n"] or "", found["type"]


def _after(part: str, prefix: str, text: str) -> str:
    if not part.startswith(prefix):
        raise _not_one(text, part)
    return _some(part.removeprefix(prefix), text)


def _some(value: str, text: str) -> str:
    if not value:
        raise _not_one(text, text)
    return value


def _number(value: str, text: str, *, negative: bool = False) -> str:
    digits = value.removeprefix("-") if negative else value
    if value != "*" and not (digits.isdecimal() and int(digits) > 0):
        raise _not_one(text, value)
    return value


def _not_one(text: str, part: str) -> ValueError:
    message = (
        f"{text!r} is no place: {part!r} does not fit. A place reads call=1, call=2/chunk=5, call=*/headers, "
        "call=1/attempt=2/end or t=12s; numbers count from one."
    )
    return ValueError(message)
