"""Header fields as bytes. What would break out of its line is refused: a value with a line break in it is two headers,
or the end of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS: Final = re.compile(r"[\r\n\0]")


def field_lines(fields: Iterable[tuple[str, str]], reason: str) -> bytes:
    """The rest of a head after its status code: reason, fields, blank line. Raises ValueError for a name that is no
    token (RFC 9110 section 5.1), and for a line break or a NUL in a value or in the reason."""
    if _BREAKS.search(reason):
        message = f"the reason {reason!r} has a line break or a NUL: it would end the status line"
        raise ValueError(message)
    return b"".join([_encoded(reason), b"\r\n", *(_line(name, value) for name, value in fields), b"\r\n"])


def _line(name: str, value: str) -> bytes:
    if not _NAME.fullmatch(name):
        message = f"{name!r} is no name of a header field"
        raise ValueError(message)
    if _BREAKS.search(value):
        message = f"the header {name} has a line break or a NUL in its value {value!r}: it would become another header"
        raise ValueError(message)
    return b"%b: %b\r\n" % (name.encode(), _encoded(value))


def _encoded(text: str) -> bytes:
    """As servers do: latin-1 where it fits, else UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
