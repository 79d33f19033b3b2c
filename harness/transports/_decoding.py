"""Content-encoding, removed for the recording while the consumer still gets the bytes of the wire.

The family's own decoders are used, so that the recording holds what the consumer would decode.
They stand in a private module of the family because no public door takes bytes that are pushed, chunk by chunk.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

from harness.model import Headers

ENCODED = ("content-encoding", "content-length")
"""Headers that are no longer true once the encoding is removed."""


class Decoding:
    """Decodes one answer, chunk by chunk. Not reusable."""

    def __init__(self, decoders: Sequence[Any]) -> None:
        self._decoders = decoders

    def feed(self, raw: bytes) -> bytes:
        """What `raw` completes; may be empty, as after the header of a gzip file. Raises the family's DecodingError."""
        for decoder in self._decoders:
            raw = _joined(decoder.decode(raw))
        return raw

    def flush(self) -> bytes:
        """What was still inside at the end."""
        data = b""
        for decoder in self._decoders:
            data = (_joined(decoder.decode(data)) if data else b"") + _joined(decoder.flush())
        return data


def decoding(family: str, headers: Headers) -> Decoding | None:
    """How to decode an answer with these `headers`; None where nothing is encoded, or in a way that the family does not
    know: then the consumer gets encoded bytes, and so does the recording."""
    codings = [
        name
        for value in headers.get_all("content-encoding")
        for part in value.split(",")
        if (name := part.strip().lower()) not in {"", "identity"}
    ]
    known = importlib.import_module(f"{family}._decoders").SUPPORTED_DECODERS if codings else {}
    if not codings or any(name not in known for name in codings):
        return None
    return Decoding([known[name]() for name in reversed(codings)])


def _joined(decoded: bytes | Iterable[bytes]) -> bytes:
    """The decoders of httpx return bytes, those of httpx2 yield them."""
    return decoded if isinstance(decoded, bytes) else b"".join(decoded)
