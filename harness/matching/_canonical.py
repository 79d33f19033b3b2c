"""Canonical forms: what two requests that mean the same have in common.

Content types never decide, they are scrubbed or wrong too often (recordings study: 105 of 5,108): bodies are sniffed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from harness.matching._kinds import constant
from harness.matching._redaction import Redaction, is_form
from harness.matching._rules import Rules
from harness.model import Json

BodyKind: TypeAlias = Literal["json", "form", "multipart", "raw"]
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SEGMENT_SAFE = "!$&'()*+,;=:@-._~"
_EXACT = 2**53  # up to here a float that is whole is that integer
_BOUNDARY = re.compile(rb"\s*--([^\r\n]{1,70})\r?\n")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class CanonicalBody:
    """A body as it is compared: redacted, without what is ignored. `data` is what is hashed."""

    kind: BodyKind
    data: bytes


def canonical_body(body: bytes, rules: Rules) -> CanonicalBody:
    """`body` in the form in which it is compared."""
    if body[:64].lstrip(_BOM + b" \t\r\n")[:1] in {b"{", b"["}:
        value = parsed_json(body, rules)
        if value is None:  # what is wrong with it may stand in what is redacted, and is then gone from the recording
            value = parsed_json(rules.redaction.body(body), rules)
        if value is not None:
            return CanonicalBody("json", _json_data(value, rules.redaction))
    if is_form(body):
        return CanonicalBody("form", rules.redaction.data(_form_data(body, rules)))
    if boundary := _boundary(body):
        # Only where it delimits, and after the redaction: the same letters may stand inside a text, or inside a secret.
        parted = re.sub(rb"(^|\r?\n)--" + re.escape(boundary), rb"\1--boundary", rules.redaction.data(body))
        return CanonicalBody("multipart", parted)
    return CanonicalBody("raw", rules.redaction.data(body))


def parsed_json(body: bytes, rules: Rules) -> Json:
    """The body as JSON, its secret fields replaced and what is ignored gone; None where it is no JSON."""
    try:
        value: Json = _decoder(rules.redaction).decode(body.removeprefix(_BOM).decode())
    except (ValueError, RecursionError):
        return None
    return rules.comparable(value)


def form_pairs(body: bytes, rules: Rules) -> dict[str, Json]:
    """A form as field -> values, secret ones replaced and what is ignored gone."""
    fields: dict[str, Json] = {}
    for pair in body.decode("ascii", "surrogateescape").split("&"):
        name, _, value = pair.partition("=")
        name = unquote_plus(name)
        kind = rules.redaction.query_kind(name) if value else ""
        values = fields.setdefault(name, [])
        assert isinstance(values, list), "set as a list one line above"
        values.append(constant(kind) if kind else unquote_plus(value))
    compared = rules.comparable(
        {name: v[0] if isinstance(v, list) and len(v) == 1 else v for name, v in fields.items()}
    )
    return compared if isinstance(compared, dict) else {}


def canonical_url(url: str, redaction: Redaction) -> str:
    """Scheme and host in lower case, no default port, no user, no fragment, percent-encoding normalised, query sorted
    by name (values of one name keep their order), secret parameters replaced."""
    return _canonical_url(url, redaction)


@lru_cache(maxsize=1024)  # a run asks few URLs, each many times
def _canonical_url(url: str, redaction: Redaction) -> str:
    try:
        parts = urlsplit(redaction.url(url))
    except ValueError:  # brackets that enclose no address
        return redaction.url(url)
    scheme = parts.scheme.lower()
    host = (parts.hostname or "").lower()
    try:
        port = parts.port
    except ValueError:  # "port" is no number: compare what stands there
        return redaction.url(url)
    place = host if port in {None, _PORTS.get(scheme)} else f"{host}:{port}"
    path = "/".join(quote(unquote(segment), safe=_SEGMENT_SAFE) for segment in (parts.path or "/").split("/"))
    return f"{scheme}://{place}{path}?{_canonical_query(parts.query)}"


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    plain = sorted(((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs), key=lambda pair: pair[0])
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in plain)


def _json_data(value: Json, redaction: Redaction) -> bytes:
    if not redaction.extra:
        # Escaped is twice as fast to write as unescaped, and equal texts are equal either way.
        return redaction.canonical_data(_ESCAPED.encode(value).encode())
    return redaction.canonical_data(_UNESCAPED.encode(value).encode("utf-8", "surrogatepass"))


def _form_data(body: bytes, rules: Rules) -> bytes:
    return _UNESCAPED.encode(form_pairs(body, rules)).encode("utf-8", "surrogatepass")


def _boundary(body: bytes) -> bytes:
    found = _BOUNDARY.match(body)
    if not found:
        return b""
    boundary = found[1].rstrip()
    return boundary if body.rstrip().endswith(b"--" + boundary + b"--") else b""


def _number(text: str) -> int | float:
    """`1.0` is `1`: JSON has one kind of number, and SDKs change their minds about which one they write."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value


@lru_cache(maxsize=64)
def _decoder(redaction: Redaction) -> json.JSONDecoder:
    fields = redaction.fields

    def redacted(value: dict[str, object]) -> Mapping[str, object]:
        if not fields.names.isdisjoint(value):
            for name, kind in fields.secrets_of(value).items():
                value[name] = constant(kind)
        return value

    return json.JSONDecoder(object_hook=redacted, parse_float=_number)


_ESCAPED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False)
_UNESCAPED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False, ensure_ascii=False)
