"""Content encodings: bodies are stored and replayed decoded, whatever the recorder kept.

Other recorders keep compressed bytes, or leave the header on a body that they decoded. Only the bytes can tell, so they
are looked at before anything is inflated. Brotli and zstd are inflated where a library is installed.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from harness.storage._limits import BYTES_MAX

GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_TOO_LARGE: Final = f"it unpacks to more than {BYTES_MAX:,} bytes"
_GZIP: Final = 16 + zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS


class NoLibraryError(ValueError):
    """The encoding is known, and nothing that decodes it is installed."""


def gunzip(data: bytes) -> bytes:
    """All members of `data`. Raises ValueError where it is damaged, cut short or unpacks to more than BYTES_MAX."""
    out: list[bytes] = []
    rest = data
    while rest.startswith(GZIP_MAGIC):
        piece, rest = _inflate(rest, _GZIP, BYTES_MAX - sum(map(len, out)))
        out.append(piece)
    return b"".join(out)


def decoded(body: bytes, encoding: str) -> bytes:
    """`body` without `encoding` (one coding, as in `gzip`). A body that is not encoded comes back as it is.

    Raises NoLibraryError, and ValueError for damaged bytes and unknown codings.
    """
    if encoding in {"", "identity"} or not body:
        return body
    if encoding in {"gzip", "x-gzip"}:
        return gunzip(body) if body.startswith(GZIP_MAGIC) else body
    if encoding == "deflate":
        return _deflated(body)
    if encoding == "zstd":
        return _zstd(body) if body.startswith(ZSTD_MAGIC) else body
    if encoding == "br":
        return body if _is_text(body) else _brotli(body)
    message = f"nobody here knows the content-encoding {encoding!r}"
    raise ValueError(message)


def _deflated(body: bytes) -> bytes:
    """zlib, or the raw form that some servers send under the same name; text is what it looks like."""
    if _is_text(body):
        return body
    try:
        return _inflate(body, zlib.MAX_WBITS, BYTES_MAX)[0]
    except ValueError:
        return _inflate(body, _RAW, BYTES_MAX)[0]


def _inflate(data: bytes, window: int, most: int) -> tuple[bytes, bytes]:
    inflater = zlib.decompressobj(window)
    try:
        out = inflater.decompress(data, most)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if inflater.unconsumed_tail:
        raise ValueError(_TOO_LARGE)
    if not inflater.eof:
        message = "its end is missing"
        raise ValueError(message)
    return out, inflater.unused_data


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _brotli(body: bytes) -> bytes:
    name = next((name for name in ("brotli", "brotlicffi") if find_spec(name)), "")
    if not name:
        message = "the package `brotli` is not installed"
        raise NoLibraryError(message)
    library = import_module(name)  # optional: only recordings that kept compressed bytes need it
    try:
        return _bounded(bytes(library.decompress(body)))
    except library.error as error:
        raise ValueError(str(error)) from error


def _zstd(body: bytes) -> bytes:
    if not find_spec("zstandard"):
        message = "the package `zstandard` is not installed"
        raise NoLibraryError(message)
    library = import_module("zstandard")  # optional: only recordings that kept compressed bytes need it
    try:
        with library.ZstdDecompressor().stream_reader(body) as reader:
            return _bounded(reader.read(BYTES_MAX + 1))
    except library.ZstdError as error:
        raise ValueError(str(error)) from error


def _bounded(data: bytes) -> bytes:
    if len(data) > BYTES_MAX:
        raise ValueError(_TOO_LARGE)
    return data
