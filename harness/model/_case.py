"""Case: places and what goes wrong there, with a name that can be typed, printed and read back.

    Case   = Strike {" + " Strike}
    Strike = Locator "/kind=" id {"," param "=" value} ["/persistent"]

The locator is at the top of `_locator.py`. `call=2/chunk=5/kind=reset` is a case of one strike;
`call=1/chunk=2/kind=reset + call=1/attempt=2/kind=http-500-server-error` is one of two.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Self

from harness.model._locator import Locator
from harness.model._meaning import Json

_PERSISTENT = "/persistent"
_KIND = re.compile(r"(?P<at>.*?)/kind=(?P<kind>[a-z0-9][a-z0-9.-]*)(?P<params>(?:,[^,]+)*)")
_ALONE = re.compile(r"(kind=)?[a-z0-9][a-z0-9.-]*(,[a-z][a-z0-9_]*=[^,]+)*")
_PARAM = re.compile(r"(?P<name>[a-z][a-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault at one place. `params` are names and values; a text, number or boolean prints as itself.

    `persistent`: it strikes at its place and in every answer after it.
    """

    at: Locator
    kind: str
    params: tuple[tuple[str, Json], ...] = ()
    persistent: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """The strike that `text` says. Raises ValueError with an example."""
        persistent = text.endswith(_PERSISTENT)
        found = _KIND.fullmatch(text.removesuffix(_PERSISTENT))
        if found is None:
            raise _not_one(text)
        written = [_PARAM.fullmatch(part) for part in found["params"].split(",")[1:]]
        params = tuple((param["name"], _value(param["value"])) for param in written if param)
        if len(params) != len(written):
            raise _not_one(text)
        return cls(Locator.parse(found["at"]), found["kind"], params, persistent)

    def __str__(self) -> str:
        params = "".join(f",{name}={_text(value)}" for name, value in self.params)
        return f"{self.at}/kind={self.kind}{params}{_PERSISTENT if self.persistent else ''}"


@dataclass(frozen=True, slots=True)
class Case:
    """One strike or several, in the order in which they are to come."""

    strikes: tuple[Strike, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The case that `text` says. Raises ValueError with an example."""
        return cls(tuple(Strike.parse(part.strip()) for part in text.split(" + ")))

    def __str__(self) -> str:
        return " + ".join(map(str, self.strikes))


def _value(text: str) -> Json:
    """A number or boolean where `text` is one, else the text: durations and names stay as they are written."""
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _not_one(text: str) -> ValueError:
    # Who names a fault and no place means the first call most often, so what is shown can be typed as it stands.
    placed = (
        f"; for that fault in the first call type call=1/kind={text.removeprefix('kind=')}"
        if _ALONE.fullmatch(text)
        else ""
    )
    message = (
        f"{text!r} is no case: a case reads call=2/chunk=5/kind=reset, call=1/kind=http-429-rate-limit,retry_after=20s "
        f"or call=1/chunk=1/kind=reset/persistent, and several are joined by ' + '{placed}"
    )
    return ValueError(message)
