"""How a body stands in the file: laid out for a reader, and put back to the exact bytes on the way in.

`compact` and `spaced` JSON is indented; its tokens are never decoded, so numbers, escapes and duplicate keys come back
as they were. `crlf` is a text whose every line ends in CR LF (Gemini's event streams), stored with plain line ends,
because YAML can hold a CR only in one long quoted line. A body is laid out only where the way back gave the bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

LAYOUTS: Final = ("compact", "spaced", "crlf")
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_JOINTS: Final = {"compact": (",", ":"), "spaced": (", ", ": ")}
_SHORT: Final = 60
_LONG: Final = 4 * 2**20  # beyond this nobody reads it, and indenting costs more than writing
_NEVER_IN_A_BLOCK: Final = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_BLANK_AT_AN_EDGE: Final = re.compile(r"[ \t](?:\n|\Z)|\A[ \t\n]|\n\t")


def stands_in_a_block(text: str) -> bool:
    """True where a YAML literal block gives back exactly `text`.

    Not with CR, U+0085, U+2028, U+2029 or a byte order mark (line breaks and marks to YAML 1.1), control characters, or
    a first line that begins with a blank. Nor with blanks at the end of a line: editors take them away without asking.
    """
    return not (_NEVER_IN_A_BLOCK.search(text) or _BLANK_AT_AN_EDGE.search(text))


def lay_out(text: str, *, is_json: bool) -> tuple[str, str]:
    """`text` as it shall stand in the file, and the name of the layout that brings it back; empty for as it is."""
    for name, laid in _candidates(text, is_json=is_json):
        if stands_in_a_block(laid) and restore(laid, name) == text:
            return laid, name
    return text, ""


def restore(text: str, layout: str) -> str:
    """The text that `layout` was made from. Raises ValueError for a layout that nobody knows."""
    if layout == "crlf":
        return text.replace("\n", "\r\n")
    if layout in _JOINTS:
        core, tail = _parted(text)
        return "".join(_joined(_TOKEN.findall(core), *_JOINTS[layout])) + tail
    if not layout:
        return text
    message = f"nobody here knows the layout {layout!r}"
    raise ValueError(message)


def _candidates(text: str, *, is_json: bool) -> Iterator[tuple[str, str]]:
    if "\r\n" in text:
        yield "crlf", text.replace("\r\n", "\n")
    core, tail = _parted(text)
    if is_json and _SHORT < len(core) < _LONG and "\n" not in core and _is_json(core):
        laid = "".join(_indented(_TOKEN.findall(core))) + tail
        yield "compact", laid
        yield "spaced", laid


def _parted(text: str) -> tuple[str, str]:
    core = text.rstrip("\n")
    return core, text[len(core) :]


def _is_json(core: str) -> bool:
    if core[:1] not in {"{", "["}:
        return False
    try:
        json.loads(core)
    except (ValueError, RecursionError):
        return False
    return True


def _joined(tokens: Sequence[str], comma: str, colon: str) -> Iterator[str]:
    joints = {",": comma, ":": colon}
    for token in tokens:
        yield joints.get(token, token)


def _indented(tokens: Sequence[str]) -> Iterator[str]:
    """`tokens` with two blanks for each level, empty collections closed at once, as `json.dumps(indent=2)` does it."""
    depth = 0
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token in {"}", "]"}:
            depth -= 1
            yield "" if before in {"{", "["} else _line(depth)
        elif before in {"{", "["}:
            yield _line(depth)
        yield {",": f",{_line(depth)}", ":": ": "}.get(token, token)
        depth += token in {"{", "["}


def _line(depth: int) -> str:
    return "\n" + "  " * depth
