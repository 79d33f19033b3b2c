"""What holds for every request: which changes change the key; redaction is idempotent and comes in any order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.matching import Ignore, Redaction, Rules, key
from harness.model import Head, Nanos, Request, Timeline

RULES = Rules()
URL = "https://api.openai.com/v1/chat/completions"

# Whole keys are never in the source: other people's scanners read it too.
SECRETS = (
    "sk-" + "proj-" + "aB3dE5fG7hI9jK1lM3nO5pQ7",
    "sk-" + "ant-api03-" + "x_y-z" * 8,
    "sk-" + "a1B2c3D4e5F6g7H8i9J0k1L2",
    "AI" + "zaSy" + "B" * 33,
    "AK" + "IA" + "ABCDEFGH12345678",
    "gh" + "p_" + "a1" * 18,
    "hf" + "_" + "Zz" * 17,
    "ey" + "JhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJlLXBhcnQ",
    "gs" + "k_" + "q7" * 20,
    "Bearer " + "abc_def-123_456" * 2,
)
FRAGMENTS = (*SECRETS, '"api_key": "v"', "\n", " ", "“", "%3D", "=", "/", "\\", '"', "task-risk", "REDACTED-", "{", "é")

text = st.one_of(st.text(max_size=12), st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join))
scalars = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, width=32) | text
names = st.one_of(st.text(max_size=8), st.sampled_from(["password", "api_key", "content", "apiKey", "account_id"]))
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
objects = st.dictionaries(names, json_values, max_size=5)


def asking(body: Any, **dump: Any) -> Request:
    return Request("POST", URL, body=json.dumps(body, **dump).encode("utf-8", "surrogatepass"))


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shuffled(item) for name, item in reversed(value.items())}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(objects)
def test_the_order_of_json_keys_and_the_layout_do_not_change_the_key(body: dict[str, Any]) -> None:
    plain = key(asking(body), RULES)
    assert key(asking(shuffled(body)), RULES) == plain
    assert key(asking(body, indent=2), RULES) == plain
    assert key(asking(body, separators=(",", ":"), sort_keys=True), RULES) == plain


@given(objects)
def test_escaping_non_ascii_text_or_not_does_not_change_the_key(body: dict[str, Any]) -> None:
    try:
        unescaped = asking(body, ensure_ascii=False)
        unescaped.body.decode()
    except UnicodeDecodeError:  # lone surrogates have no UTF-8
        return
    assert key(unescaped, RULES) == key(asking(body), RULES)


@given(objects)
def test_what_is_written_down_has_the_key_of_what_was_asked(body: dict[str, Any]) -> None:
    for request in (asking(body), asking(body, indent=2), asking({"arguments": json.dumps(body)})):
        assert key(RULES.redaction.request(request), RULES) == key(request, RULES)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10).map("".join) | st.text())
def test_redacted_twice_is_redacted_once(text: str) -> None:
    once = RULES.redaction.text(text)
    assert RULES.redaction.text(once) == once


@given(
    st.sampled_from(SECRETS),
    st.sampled_from(["", " ", "\n", '"', "=", "“", "https://x/", "key: ", "(", "\t", "\\"]),
    st.text(),
)
def test_a_secret_is_found_wherever_it_stands_in_a_body(secret: str, before: str, after: str) -> None:
    needle = secret.removeprefix("Bearer ").encode()
    for layout in ({}, {"ensure_ascii": False}, {"indent": 2}):
        request = asking({"messages": [{"content": before + secret + " " + after}]}, **layout)
        assert needle in request.body
        assert needle not in RULES.redaction.request(request).body


@given(st.sampled_from(SECRETS), st.text(max_size=20), st.text(max_size=20), st.lists(st.integers(1, 40), max_size=30))
def test_a_secret_is_found_however_the_body_was_cut(secret: str, before: str, after: str, cuts: list[int]) -> None:
    body = f"{before} {secret} {after}".encode("utf-8", "replace")
    timeline = Timeline.of(Head(200), [body], every=Nanos(5)).rechunked(cuts)
    redacted = RULES.redaction.timeline(timeline)
    assert redacted.body == RULES.redaction.data(body)
    assert secret.removeprefix("Bearer ").encode() not in redacted.body
    assert {at for at, _ in redacted.events} <= {at for at, _ in timeline.events}
    assert RULES.redaction.timeline(redacted) == redacted


@given(st.text(max_size=30), st.lists(st.integers(1, 5), max_size=9))
def test_what_holds_no_secret_keeps_every_chunk(text: str, cuts: list[int]) -> None:
    timeline = Timeline.of(Head(200), [text.encode("utf-8", "replace")]).rechunked(cuts)
    assert Redaction.default().timeline(timeline) == timeline


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        return [leaf for name, item in value.items() for leaf in leaves(item, (*path, name))]
    if isinstance(value, list) and value:
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, (*path, index))]
    return [path]


def with_leaf(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = with_leaf(value[path[0]], path[1:], leaf)
    return copy


plain_names = st.sampled_from(["model", "content", "role", "a", "b"])
plain_scalars = st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | st.text("ab –\n", max_size=9)
plain_objects = st.dictionaries(
    plain_names,
    st.recursive(
        plain_scalars, lambda i: st.lists(i, max_size=3) | st.dictionaries(plain_names, i, max_size=3), max_leaves=8
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60)
@given(plain_objects, st.data())
def test_any_other_leaf_is_another_key(body: dict[str, Any], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(leaves(body)))
    changed = with_leaf(body, path, "something else")
    assert key(asking(changed), RULES) != key(asking(body), RULES)


@settings(max_examples=60)
@given(plain_objects, st.text(max_size=5), st.text(max_size=5))
def test_an_ignored_field_never_decides(body: dict[str, Any], one: str, other: str) -> None:
    rules = Rules(ignore=(Ignore.of("$.metadata.request_id"),))
    left, right = ({**body, "metadata": {"request_id": value, "kept": 1}} for value in (one, other))
    assert key(asking(left), rules) == key(asking(right), rules)
    assert (key(asking(left), RULES) == key(asking(right), RULES)) == (one == other)
