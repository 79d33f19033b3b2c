"""Redaction: what is secret is replaced by one constant per kind, before anything is keyed, shown or written.

Both sides of a match are redacted by the same rules, so a replay with a dummy key finds what a real key recorded.
What is replaced is not part of the key: two requests that differ only in a password are the same request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import quote_plus, unquote_plus

from harness.matching._cuts import recut
from harness.matching._event_stream import remade
from harness.matching._kinds import HEADER_ENDINGS, HEADERS, QUERY, QUERY_PREFIXES, constant
from harness.matching._leaks import Leak, leaks_in
from harness.matching._named import multipart_spans, parameter_spans, userinfo_spans
from harness.matching._spans import DEFAULT_FIELDS, FieldFinder, Span, account_spans, merged, pem_spans, shape_spans
from harness.matching._woven import escaped_spans, woven_spans
from harness.model import Event, Head, Headers, Interaction, Request, Reset, TimedOut, Timeline

_FORM = re.compile(rb"[A-Za-z0-9_.\[\]*%+~-]+=[^&\s\"{}]*(?:&[A-Za-z0-9_.\[\]*%+~-]+=[^&\s\"{}]*)*")
_USERINFO = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)([^/?#@]+)@")
_ENTRY_KEYS = ("name", "regex", "header", "query", "field")


@dataclass(frozen=True, slots=True)
class Extra:
    """A shape of your own: everything that `pattern` finds becomes `REDACTED-<name>`."""

    name: str
    pattern: re.Pattern[str]

    def spans(self, data: bytes) -> Iterator[Span]:
        """Where in `data`; offsets are bytes."""
        text = data.decode("utf-8", "surrogateescape")
        for found in self.pattern.finditer(text):
            if found.group():
                start = len(text[: found.start()].encode("utf-8", "surrogateescape"))
                yield Span(start, start + len(found.group().encode("utf-8", "surrogateescape")), self.name)


@dataclass(frozen=True, slots=True, eq=False)
class Redaction:
    """What is secret. Immutable; compared by identity, so make one and pass it on.

    `extra` are shapes of your own; `header_names`, `query_names` and `fields` map further lower-case names to a kind.
    """

    extra: tuple[Extra, ...] = ()
    header_names: Mapping[str, str] = field(default_factory=lambda: HEADERS)
    query_names: Mapping[str, str] = field(default_factory=lambda: QUERY)
    fields: FieldFinder = field(default_factory=lambda: DEFAULT_FIELDS)

    @classmethod
    def default(cls) -> Redaction:
        """The built-in rules: always the same object."""
        return _DEFAULT

    @classmethod
    def of(cls, entries: Iterable[object]) -> Redaction:
        """The built-in rules and those of a configuration's `redact`.

        An entry is a regular expression, or a mapping with `name` and one or more of `regex` (all of what it matches is
        replaced), `header`, `query` and `field` (their values are). Raises ValueError that shows the entry.
        """
        redaction = _DEFAULT
        for entry in entries:
            redaction = _extended(redaction, entry)
        return redaction

    def text(self, text: str) -> str:
        """`text` with every secret in it replaced."""
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def data(self, data: bytes) -> bytes:
        """`data` with every secret in it replaced. Bytes that are no UTF-8 are looked through as well."""
        return _replaced(data, self.spans(data))

    def spans(self, data: bytes) -> list[Span]:
        """Where in `data` the secrets stand, in order and without overlap."""
        named = (*self.fields.plain_spans(data), *multipart_spans(data, self.query_kind))
        return merged([*named, *self._other_spans(data)])

    def canonical_data(self, data: bytes) -> bytes:
        """As `data`, for JSON whose secret fields are replaced already: half the price."""
        return _replaced(data, merged(self._other_spans(data)))

    def _other_spans(self, data: bytes) -> Iterator[Span]:
        yield from shape_spans(data)
        yield from self.fields.nested_spans(data)
        yield from pem_spans(data)
        yield from userinfo_spans(data)
        yield from parameter_spans(data, self.query_kind)
        for extra in self.extra:
            yield from extra.spans(data)

    def url(self, url: str) -> str:
        """`url` with the values of secret parameters, user names and passwords, account numbers and keys replaced."""
        return _redacted_url(url, self)

    def headers(self, headers: Headers) -> Headers:
        """`headers` with the values of secret ones replaced, and every key-shaped string in the others."""
        return Headers(tuple((name, self._header(name, value)) for name, value in headers))

    def _header(self, name: str, value: str) -> str:
        kind = self._header_kind(name.lower())
        if not kind:
            return self.text(value)
        return constant(kind) if value else value

    def _header_kind(self, name: str) -> str:
        named = self.header_names.get(name)
        return named or next((kind for ending, kind in HEADER_ENDINGS.items() if name.endswith(ending)), "")

    def query_kind(self, name: str) -> str:
        """The kind of a query parameter or form field, or empty."""
        lower = name.lower()
        named = self.query_names.get(lower) or self.fields.table.get(name) or self.fields.table.get(lower)
        return named or next((kind for start, kind in QUERY_PREFIXES.items() if lower.startswith(start)), "")

    def body(self, body: bytes) -> bytes:
        """A request's body: as `data`, the secret fields of a form, and what escapes hide in JSON."""
        if is_form(body):
            body = _redacted_pairs(body.decode("ascii", "surrogateescape"), self).encode("ascii", "surrogateescape")
        return _replaced(body, merged([*escaped_spans(body, self.spans, self.fields), *self.spans(body)]))

    def request(self, request: Request) -> Request:
        """`request` as it may be written down. A Content-Length that was right stays right."""
        body = self.body(request.body)
        headers = _relength(self.headers(request.headers), len(request.body), len(body))
        return replace(request, url=self.url(request.url), headers=headers, body=body)

    def timeline(self, timeline: Timeline) -> Timeline:
        """`timeline` as it may be written down: the joined body is redacted and cut again where it was cut, so that a
        secret split over two chunks, or over two events of a stream, is found and every chunk keeps its time.
        A chunk of which nothing is left is gone.
        """
        body = timeline.body
        spans = self.answer_spans(body)
        lengths = len(body), len(body) + sum(len(span.stands_in) - (span.stop - span.start) for span in spans)
        events = tuple((at, self._event(event, *lengths)) for at, event in timeline.events)
        return recut(replace(timeline, events=events), spans) if spans else replace(timeline, events=events)

    def answer_spans(self, body: bytes) -> list[Span]:
        """Where in the whole body of an answer the secrets stand, also those that many of its events spell together."""
        found = remade(body, self.answer_spans)
        if found is not None:
            return found
        pairs = _pair_spans(body, self) if is_form(body) else ()
        return merged(
            [*woven_spans(body, self.spans), *escaped_spans(body, self.spans, self.fields), *pairs, *self.spans(body)]
        )

    def _event(self, event: Event, before: int, after: int) -> Event:
        match event:
            case Head(status, headers, reason):
                return Head(status, _relength(self.headers(headers), before, after), reason)
            case Reset(error, message):
                return Reset(error, self.text(message))
            case TimedOut(phase, message):
                return TimedOut(phase, self.text(message))
        return event

    def interaction(self, interaction: Interaction) -> Interaction:
        """Both halves."""
        return replace(
            interaction, request=self.request(interaction.request), timeline=self.timeline(interaction.timeline)
        )

    def leaks(self, text: str) -> tuple[Leak, ...]:
        """Secrets that `text` still holds, each with its kind and place, shown too short to be of use."""
        return leaks_in(text, self.spans)


def is_form(body: bytes) -> bool:
    """Whether `body` reads as name=value pairs. Sniffed: content types are wrong too often."""
    return b"=" in body[:200] and _FORM.fullmatch(body) is not None


def _replaced(data: bytes, spans: list[Span]) -> bytes:
    if not spans:
        return data
    pieces, done = [], 0
    for span in spans:
        pieces += [data[done : span.start], span.stands_in]
        done = span.stop
    return b"".join([*pieces, data[done:]])


def _relength(headers: Headers, before: int, after: int) -> Headers:
    if before == after:
        return headers
    return Headers(
        tuple(
            (name, str(after) if name.lower() == "content-length" and value == str(before) else value)
            for name, value in headers
        )
    )


@lru_cache(maxsize=1024)  # a run asks few URLs, each many times
def _redacted_url(url: str, redaction: Redaction) -> str:
    bare, mark, fragment = url.partition("#")
    path, question, query = _USERINFO.sub(rf"\1{constant('userinfo')}@", bare).partition("?")
    data = f"{path}{question}{_redacted_pairs(query, redaction)}{mark}{fragment}".encode("utf-8", "surrogatepass")
    numbered = _replaced(data, merged(account_spans(data)))
    return redaction.data(numbered).decode("utf-8", "surrogatepass")


def _redacted_pairs(pairs: str, redaction: Redaction) -> str:
    return "&".join(_redacted_pair(pair, redaction) for pair in pairs.split("&"))


def _redacted_pair(pair: str, redaction: Redaction) -> str:
    name, equals, value = pair.partition("=")
    kind = redaction.query_kind(unquote_plus(name)) if value else ""
    if kind:
        return f"{name}{equals}{constant(kind)}"
    if "%" in value:
        # What is encoded is looked for decoded: `postgres%3A%2F%2Fuser%3Apassword%40host`.
        plain = unquote_plus(value, errors="surrogateescape")
        shown = redaction.text(plain)
        if shown != plain:
            return f"{name}{equals}{quote_plus(shown, errors='surrogateescape')}"
    return pair


def _pair_spans(body: bytes, redaction: Redaction) -> Iterator[Span]:
    """The secret values of a form that is an answer, as token endpoints send it."""
    at = 0
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        kind = redaction.query_kind(unquote_plus(name.decode("ascii", "replace"))) if value else ""
        if kind:
            yield Span(at + len(name) + 1, at + len(pair), kind)
        at += len(pair) + 1


def _extended(redaction: Redaction, entry: object) -> Redaction:
    if isinstance(entry, str):
        entry = {"name": "custom", "regex": entry}
    if not isinstance(entry, Mapping) or not set(entry) <= set(_ENTRY_KEYS) or len(entry) < 2 or "name" not in entry:
        message = (
            f"redact: {entry!r} is neither a regular expression nor a mapping of `name` and one of {_ENTRY_KEYS[1:]}"
        )
        raise ValueError(message)
    name = _checked_name(entry)
    if not str(entry.get("field", "")).isascii():
        message = f"redact: the field name {entry['field']!r} has to be ASCII"
        raise ValueError(message)
    extra = (Extra(name, _checked_pattern(entry, name)),) if "regex" in entry else ()
    header = {str(entry["header"]).lower(): name} if "header" in entry else {}
    query = {str(entry["query"]).lower(): name} if "query" in entry else {}
    fields = (
        FieldFinder({**redaction.fields.table, str(entry["field"]): name}) if "field" in entry else redaction.fields
    )
    return Redaction(
        (*redaction.extra, *extra), {**redaction.header_names, **header}, {**redaction.query_names, **query}, fields
    )


def _checked_name(entry: Mapping[str, object]) -> str:
    name = str(entry["name"])
    if not re.fullmatch(r"[A-Za-z]+(?:-[A-Za-z]+)*", name):
        message = (
            f"redact: the name {name!r} in {dict(entry)!r} has to be letters and hyphens: it becomes {constant(name)}"
        )
        raise ValueError(message)
    return name


def _checked_pattern(entry: Mapping[str, object], name: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(str(entry["regex"]))
    except re.error as error:
        message = f"redact: {entry['regex']!r} is not a regular expression: {error}"
        raise ValueError(message) from error
    if pattern.search(constant(name)):
        message = f"redact: {entry['regex']!r} matches {constant(name)!r}, which would stand in its place"
        raise ValueError(message)
    return pattern


_DEFAULT = Redaction()
