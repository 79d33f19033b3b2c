"""Bodies that came compressed. A recording holds them plain; a fault that plays with the coding does not."""

from __future__ import annotations

import zlib
from typing import Final

from harness.model import Delta, Head
from harness.spec import Decoder

_MAGIC: Final = b"\x1f\x8b"
_EITHER: Final = 47
"""What zlib calls gzip or zlib, whichever it finds, at the largest window."""


class Inflating:
    """A decoder of a body whose head says gzip. A body that says so and is not is read as it stands."""

    def __init__(self, inner: Decoder) -> None:
        self._inner = inner
        self._held = b""
        self._unpacker: zlib._Decompress | None = None
        self._is_plain = False

    def feed(self, data: bytes) -> list[Delta]:
        """What `data` completes."""
        if self._unpacker is None and not self._is_plain:
            self._held += data
            if len(self._held) < len(_MAGIC):
                return []
            data, self._held = self._held, b""
            self._is_plain = not data.startswith(_MAGIC)
            self._unpacker = None if self._is_plain else zlib.decompressobj(wbits=_EITHER)
        return self._inner.feed(data if self._unpacker is None else self._unpacked(self._unpacker, data))

    def close(self) -> list[Delta]:
        """What was still pending."""
        return [*(self._inner.feed(self._held) if self._held else ()), *self._inner.close()]

    def _unpacked(self, unpacker: zlib._Decompress, data: bytes) -> bytes:
        try:
            return unpacker.decompress(data)
        except zlib.error:  # damaged on its way: what was read until then is all that anybody has
            return b""


def is_coded(head: Head) -> bool:
    """True where `head` says that its body is compressed."""
    return head.headers.get("content-encoding").strip().lower() in {"gzip", "x-gzip"}
