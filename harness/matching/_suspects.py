"""What looks like a secret and no rule replaced: the last look before something is written.

The rules know shapes and names. This knows neither: it asks whether a string looks as only a machine writes it, and
stands where a key may stand. It would rather be wrong than write down a key, and a wrong alarm costs one line of
configuration (`allow`).

1. A token is 20 to 200 characters of letters, digits, `_` and `-`, or a base64 text of 40 or 86 characters.
2. It looks random where upper case, lower case and digits change places often, as no words and no identifiers do.
3. Behind the name of a secret (`api_secret: …`, `token=…`) letters and digits are enough, hexadecimal ones too.
4. Digests in hex, UUIDs and ids that providers give out are none. Fields that hold ids, digests, signatures of
   thoughts and base64 are not looked into, nor are headers of that kind.
5. What is longer is data: an image, an embedding, an encrypted thought.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.matching._event_stream import said
from harness.matching._kinds import PREFIX
from harness.matching._leaks import Leak, short
from harness.matching._leaves import leaves
from harness.matching._woven import channels

LONGEST: Final = 200
_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9+/_=.-])[A-Za-z0-9][A-Za-z0-9+/_-]{18,}[A-Za-z0-9_-]={0,2}(?![A-Za-z0-9+/_=-])"
)
_NAMED: Final = re.compile(
    r"(?i)(?:api[_-]?key|secret|password|passwd|credentials?|private[_-]?key|access[_-]?key|auth[_-]?key|"
    r"(?:api|auth|access|bearer|bot|refresh|session|secret)[_-]?token)[\"'\\]{0,4}\s{0,4}[:=]\s{0,4}[\"'\\]{0,4}"
    r"(?P<value>[A-Za-z0-9+/_=.-]{16,200})(?![A-Za-z0-9+/_=.-])"
)
_SECRET_NAME: Final = re.compile(
    r"(?i)(?:^|[_-])(?:key|secret|token|password|passwd|credentials?|auth)$|(?:Key|Secret|Token|Password|Credentials?)$"
)
_HARMLESS_NAME: Final = re.compile(
    r"(?i)(?:^|[_.-])(?:id|ids|uuid|guid|name|names|type|model|url|uri|href|path|file|etag|hash|sha\d*|md5|digest|checksum|"
    r"fingerprint|signature|nonce|cursor|trace|ray|data|bytes|blob|b64|b64_json|base64|image|audio|embedding|vector|"
    r"encrypted_content|encrypted_index|encrypted_stdout|redacted|date|time|etag|version|boundary|anchor|"
    r"(?:next|page|prev|previous|continuation)[_-]?(?:page[_-]?)?token|idempotency[_-]?key|cache[_-]?key|primary[_-]?key|"
    r"foreign[_-]?key|obfuscation|public[_-]?key|sort[_-]?key|partition[_-]?key|traceparent|tracestate|span|build|commit|ref|code)$|"
    r"(?:Id|ID|Ids|Uri|Url|Hash|Signature|Digest|Fingerprint|Uuid|Etag|Cursor|PageToken|Data|Bytes)$"
)
_HARMLESS_HEADER: Final = re.compile(
    r"(?i)(?:^|-)(?:id|ids|uuid|etag|match|ray|trace|traceparent|tracestate|timing|nel|to|endpoints|policy|agent|date|"
    r"security|options|version|rid|region|digest|hash|key|md5|location|link|boundary|type|encoding|language|served-by)$|"
    r"^(?:x-cache|via|server|x-stainless-.*|content-.*|accept.*|access-control-.*|x-amzn?-.*|x-envoy-.*|cf-.*|"
    r"x-cloud-trace-context|x-ms-.*|x-vcap-.*|grpc-.*|baggage|sentry-trace|x-goog-.*|x-guploader-.*)$"
)
_ID: Final = re.compile(
    r"(?:chatcmpl|cmpl|msg|msgs|toolu|toolu_bdrk|srvtoolu|mcptoolu|call|tool|resp|req|run|rs|fc|fco|ws|ci|cu|ig|lsh|mcp|mcpr|mcpl|"
    r"fs|ft|ftjob|ftevent|fp|file|files|batch|asst|thread|step|vs|vsfb|evt|event|gen|chat|sess|session|item|conv|cntr|container|"
    r"container_upload|skill|upload|part|img|image|aud|audio|video|trace|span|rsn|reasoning|summary|ctc|custom|client|user|cus|sub|"
    r"pi|in|prod|price|acct|ch|cs|seti|pm|src|txn|node|task|job|agent|doc|chunk|emb|model|org|proj|wrkspc|workspace|snapshot|"
    r"compl|completion|bdrk|tooluse|adversarial|interaction|v1|at|rt|cachedContents|cachedContent|operations|models|corpora|tunedModels)"
    r"[_-].+"
)
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F_-]+|(?:[a-z0-9]{1,8}[-:_])?[0-9a-f]{32,128}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_WHOLE_BASE64: Final = frozenset({40, 44, 86, 88})
_CHANGES_MIN: Final = 0.42  # of neighbours that are of another class: 0.62 in random text, 0.37 in `getWeatherV2Of`
_BITS_MIN: Final = 3.6


@dataclass(frozen=True, slots=True)
class Allow:
    """What is no secret although it looks like one: tokens that a pattern matches whole, and fields by their path."""

    patterns: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, entries: Iterable[object]) -> Allow:
        """From a configuration's `allow`: regular expressions. Raises ValueError that shows the entry."""
        return cls(tuple(_pattern(entry) for entry in entries))

    def has(self, token: str) -> bool:
        """Whether somebody said that `token` is harmless."""
        return any(pattern.fullmatch(token) for pattern in self.patterns)


def _pattern(entry: object) -> re.Pattern[str]:
    if isinstance(entry, Mapping) and set(entry) == {"regex"}:
        entry = entry["regex"]
    if not isinstance(entry, str) or not entry:
        message = f"allow: {entry!r} is no regular expression of what is harmless, such as 'build-[a-z0-9]+'"
        raise ValueError(message)
    try:
        return re.compile(entry)
    except re.error as error:
        message = f"allow: {entry!r} is not a regular expression: {error}"
        raise ValueError(message) from error


def suspects_in_body(body: bytes, allow: Allow) -> Iterator[Leak]:
    """Every suspicious string in the texts of `body`, each with its JSON path, or its line where it is no JSON."""
    body = said(body)
    found = leaves(body)
    if not found:
        yield from _in_lines(body, allow)
        return
    streamed = found[-1].document > 0
    for leaf in found:
        place = f"{leaf.place} of line {leaf.document + 1}" if streamed else leaf.place
        yield from _in_text(leaf.text, place, leaf.name, allow)
    if streamed:
        for channel in channels(body):
            yield from _in_text("".join(leaf.text for leaf in channel), channel[0].place, channel[0].name, allow)


def _in_lines(body: bytes, allow: Allow) -> Iterator[Leak]:
    try:
        lines = body.decode().splitlines()
    except UnicodeDecodeError:
        return  # a picture or a sound: everything in it looks random
    for number, line in enumerate(lines, 1):
        yield from _in_text(line, f"line {number}", "", allow)


def suspects_in_header(name: str, value: str, allow: Allow) -> Iterator[Leak]:
    """The same for a header's value. Request ids, traces and what only describes the answer are not looked at."""
    if not _HARMLESS_HEADER.search(name):
        yield from _in_text(value, f"header {name}", name, allow)


def suspects_in_url(url: str, allow: Allow) -> Iterator[Leak]:
    """The same for the parts of an URL. Names of hosts and ids in paths are no secrets; values of parameters may be."""
    try:
        query = urlsplit(url).query
    except ValueError:
        query = url
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        yield from _in_text(unquote(value), f"parameter {name}", name, allow)


def suspects_in_text(text: str, place: str, allow: Allow) -> Iterator[Leak]:
    """The same for a message of an error."""
    yield from _in_text(text, place, "", allow)


def _in_text(text: str, place: str, name: str, allow: Allow) -> Iterator[Leak]:
    if len(text) < 16:
        return
    by_name = bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.search(name)
    if by_name and _is_opaque(text) and not allow.has(text):
        yield Leak("a value of a secret name", place, short(text.encode("utf-8", "replace")))
        return
    for found in _NAMED.finditer(text):
        value = found["value"]
        if _is_opaque(value) and not allow.has(value):
            yield Leak("a value behind the name of a secret", place, short(value.encode()))
    if _HARMLESS_NAME.search(name):
        return
    for found in _TOKEN.finditer(text):
        token = found[0]
        if _is_suspicious(token) and not allow.has(token) and not _is_in_url(text, found.start()):
            yield Leak("a random-looking string", place, short(token.encode()))


def _is_in_url(text: str, at: int) -> bool:
    """Whether the token is a part of a path: public links have ids in them."""
    before = text[max(0, at - 256) : at].rsplit(None, 1)[-1:] or [""]
    return "://" in before[0] or "www." in before[0]


def _is_opaque(value: str) -> bool:
    """Letters and digits as a machine writes them; hexadecimal ones as well, since a name says what they are."""
    if not 16 <= len(value) <= LONGEST or PREFIX in value or any(char.isspace() for char in value):
        return False
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    return letters >= 4 and digits >= 3 and _bits(value) >= 3.0 and _changes(value) >= 0.25


def _is_suspicious(token: str) -> bool:
    bare = token.rstrip("=")
    if len(token) > LONGEST or PREFIX in token or _HEX.fullmatch(token) or _UUID.search(token) or _ID.fullmatch(token):
        return False
    if "/" in bare or "+" in bare:
        if len(token) not in _WHOLE_BASE64:
            return any(_looks_random(part) for part in re.split(r"[/+]", bare) if len(part) >= 24)
        return _looks_random(bare)
    return _looks_random(bare)


def _looks_random(token: str) -> bool:
    parts = [part for part in re.split(r"[-_]", token) if part]
    if not parts or max(map(len, parts)) < 12:
        return False  # words with hyphens, dates, names of models
    core = max(parts, key=len) if len(parts) <= 3 else "".join(parts)
    if len(core) < 20 or not (any(map(str.isupper, core)) and any(map(str.islower, core))):
        return False
    digits = sum(map(str.isdigit, core))
    return digits >= 2 and _changes(core) >= _CHANGES_MIN and _bits(core) >= _BITS_MIN


def _changes(text: str) -> float:
    """The share of neighbours that are of different classes."""
    classes = ["d" if char.isdigit() else "u" if char.isupper() else "l" for char in text]
    return sum(one != other for one, other in pairwise(classes)) / max(1, len(text) - 1)


def _bits(text: str) -> float:
    """Shannon's entropy per character."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values())
