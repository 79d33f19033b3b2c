"""Secrets that are known by what stands before them in a text: a URL's user, its parameters, the parts of a form.

Each begins with a needle, because nearly no text has one and looking for a literal costs next to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_plus

from harness.matching._kinds import PREFIX
from harness.matching._spans import Span

KindOf = Callable[[str], str]

_SCHEME = b"://"
_PART = b"form-data"
_USERINFO = re.compile(rb"(?<=[A-Za-z0-9])://([^\s/?#@\"'<>\\{}$:,]{0,256}:[^\s/?#@\"'<>\\{}$]{1,512})@")
# Only names that mean one thing: `?key=` and `?token=` are as often a sort key and a page. In a URL of ours they count.
_PARAMETER = (
    rb"(?i:((?:x-)?api[_-]?key|(?:access|refresh|id|auth|session)_token|client_secret|password|passwd|"
    rb"sig|signature|x-(?:amz|goog)-(?:signature|credential|security-token)))=([^\s&\"'<>\\#{}$]{6,4096})"
)
_PARAMETERS = (re.compile(rb"\?" + _PARAMETER), re.compile(b"&" + _PARAMETER))  # a literal first is found much faster
_FIELD = re.compile(
    rb"(?i:form-data);[^\r\n]{0,200}?\bname=\"([^\"\r\n]{1,64})\"[^\r\n]{0,400}\r?\n(?:[^\r\n]{1,400}\r?\n){0,8}\r?\n"
    rb"(.{1,65536}?)(?=\r?\n--)",
    re.DOTALL,
)
USERINFO_OPEN = re.compile(rb"://[^\s/?#@\"'<>\\{}$]{0,768}\Z")
"""A user and a password that may not have ended, at the end of what has arrived."""


def has_needle(data: bytes) -> bool:
    """False where none of the finders of this file can find anything."""
    return b"?" in data or b"&" in data or _SCHEME in data or _PART in data


def userinfo_spans(data: bytes) -> Iterator[Span]:
    """`user:password` in a URL, wherever it stands. A user alone is no secret here, and one in `redaction.url`."""
    if b"@" in data and _SCHEME in data:
        for found in _USERINFO.finditer(data):
            if not found[1].startswith(PREFIX.encode()):
                yield Span(*found.span(1), "userinfo")


def parameter_spans(data: bytes, kind_of: KindOf) -> Iterator[Span]:
    """The values of secret parameters of URLs in a text."""
    for needle, pattern in zip((b"?", b"&"), _PARAMETERS, strict=True):
        for found in pattern.finditer(data) if needle in data else ():
            if not found[2].startswith(PREFIX.encode()):
                yield Span(*found.span(2), kind_of(found[1].decode()) or "api-key")


def multipart_spans(data: bytes, kind_of: KindOf) -> Iterator[Span]:
    """The values of secret fields of a multipart form."""
    if _PART not in data:
        return
    for found in _FIELD.finditer(data):
        kind = kind_of(unquote_plus(found[1].decode("utf-8", "replace")))
        if kind and not found[2].startswith(PREFIX.encode()):
            yield Span(*found.span(2), kind)
