"""What two requests have to have in common, and what they need not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.matching import Rules, key, operation_key
from harness.model import Request
from harness.spec import Operation

RULES = Rules()


def test_another_prompt_is_another_key(ask: Any) -> None:
    assert key(ask("one"), RULES) != key(ask("two"), RULES)


def test_the_method_decides_and_its_case_does_not() -> None:
    url = "https://host/v1/models"
    assert key(Request("get", url), RULES) == key(Request("GET", url), RULES)
    assert key(Request("POST", url), RULES) != key(Request("GET", url), RULES)


@pytest.mark.parametrize(
    "other",
    [
        "https://api.example.com:443/v1/a%3Ab?x=1&y=2",
        "HTTPS://API.Example.com/v1/a:b?y=2&x=1",
        "https://api.example.com/v1/a:b?x=1&y=2#top",
        "https://user:pass@api.example.com/v1/%61:b?x=1&y=2",
    ],
)
def test_spellings_of_one_url_are_one_key(other: str) -> None:
    plain = Request("GET", "https://api.example.com/v1/a:b?x=1&y=2")
    assert key(Request("GET", other), RULES) == key(plain, RULES)


@pytest.mark.parametrize(
    "other",
    [
        "http://api.example.com/v1/a?x=1&x=2",
        "https://api.example.com:8443/v1/a?x=1&x=2",
        "https://api.example.com/v1/A?x=1&x=2",
        "https://api.example.com/v1/a?x=2&x=1",
        "https://api.example.com/v1/a?x=1",
        "https://api.example.com/v1%2Fa?x=1&x=2",
    ],
)
def test_another_place_is_another_key(other: str) -> None:
    plain = Request("GET", "https://api.example.com/v1/a?x=1&x=2")
    assert key(Request("GET", other), RULES) != key(plain, RULES)


def test_headers_never_decide(ask: Any) -> None:
    bare = ask("hello", headers=[("content-type", "text/plain")])
    full = ask(
        "hello", headers=[("content-type", "application/json"), ("authorization", "Bearer x"), ("x-stainless", "1")]
    )
    assert key(bare, RULES) == key(full, RULES)


def test_a_dummy_key_matches_a_real_one_in_header_query_and_body(ask: Any) -> None:
    real = ask("hello", url="https://host/v1?key=AI" + "zaSyA1", headers=[("x-api-key", "r")], api_key="sk-" + "real")
    dummy = ask("hello", url="https://host/v1?key=test", headers=[("x-api-key", "x")], api_key="x")
    assert key(real, RULES) == key(dummy, RULES)


def test_whole_numbers_are_one_number_and_booleans_are_none(ask: Any) -> None:
    assert key(ask(temperature=1.0), RULES) == key(ask(temperature=1), RULES)
    assert key(ask(temperature=1), RULES) != key(ask(temperature=True), RULES)
    assert key(ask(temperature=0.1), RULES) != key(ask(temperature=0.2), RULES)


def test_json_is_recognised_whatever_stands_before_it(ask: Any) -> None:
    assert key(ask(raw=b'{"a": 1, "b": 2}'), RULES) == key(ask(raw=b'\xef\xbb\xbf \r\n{"b":2,"a":1}'), RULES)


def test_forms_are_compared_as_pairs(ask: Any) -> None:
    assert key(ask(raw=b"a=1&b=x%20y"), RULES) == key(ask(raw=b"b=x+y&a=1"), RULES)
    assert key(ask(raw=b"a=1&a=2"), RULES) != key(ask(raw=b"a=2&a=1"), RULES)
    assert key(ask(raw=b"client_secret=one&a=1"), RULES) == key(ask(raw=b"client_secret=two&a=1"), RULES)


def multipart(boundary: bytes, content: bytes) -> bytes:
    part = b'\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + content + b"\r\n--"
    return b"--" + boundary + part + boundary + b"--\r\n"


def test_a_multipart_boundary_never_decides_and_its_parts_do(ask: Any) -> None:
    one = key(ask(raw=multipart(b"aaa", b"sound")), RULES)
    assert key(ask(raw=multipart(b"bbb-123", b"sound")), RULES) == one
    assert key(ask(raw=multipart(b"aaa", b"noise")), RULES) != one


@pytest.mark.parametrize(
    "body", [b"", b"plain", b"\xff\xfe\x00{", b"{not json", b"[" * 5000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_json_is_compared_byte_by_byte(ask: Any, body: bytes) -> None:
    plain = Request("POST", "https://host/", body=body)
    assert key(plain, RULES) == key(plain, RULES)
    assert key(Request("POST", "https://host/", body=body + b"."), RULES) != key(plain, RULES)


def test_a_text_and_the_json_that_looks_like_it_are_two_keys() -> None:
    form, same = b"a=1", b'{"a":"1"}'
    assert key(Request("POST", "https://h/", body=form), RULES) != key(Request("POST", "https://h/", body=same), RULES)


def test_an_operation_stands_in_for_the_url_and_the_body_decides_all_the_same(ask: Any) -> None:
    chat = Operation("openai", "openai.chat")
    here, there = (
        ask("hi", url="https://a/v1/chat/completions"),
        ask("hi", url="http://proxy:9/chat/completions?beta=1"),
    )
    assert operation_key(here, chat, RULES) == operation_key(there, chat, RULES)
    assert operation_key(here, chat, RULES) != operation_key(ask("ho"), chat, RULES)
    assert operation_key(here, chat, RULES) != operation_key(here, Operation("gemini", "generate", "pro"), RULES)
    assert operation_key(here, chat, RULES) != key(here, RULES)


def test_an_ignored_field_and_an_ignored_expression_do_not_decide(ask: Any) -> None:
    rules = Rules.of(ignore=["$.metadata.request_id", {"path": "$.messages[*].content", "regex": r"\d{4}-\d\d-\d\d"}])
    one = ask("It is 2026-11-21.", metadata={"request_id": "a"})
    other = ask("It is 2027-01-01.", metadata={"request_id": "b"})
    assert key(one, rules) == key(other, rules)
    assert key(one, RULES) != key(other, RULES)
    assert key(one, rules) != key(ask("It was 2026-11-21.", metadata={"request_id": "a"}), rules)


def test_an_ignored_field_counts_as_absent(ask: Any) -> None:
    assert key(ask(user="me"), Rules.of(ignore=["$.user"])) == key(ask(), Rules.of(ignore=["$.user"]))


@pytest.mark.parametrize(
    "path, left, right",
    [
        ("$..id", {"a": [{"id": 1, "b": 2}]}, {"a": [{"id": 2, "b": 2}], "id": 3}),
        ("$['odd name']", {"odd name": 1}, {"odd name": 2}),
        ('$["a.b"][-1]', {"a.b": [1, 2]}, {"a.b": [1, 3]}),
        ("$.a.*", {"a": {"x": 1}}, {"a": {"y": 1}}),
        ("$[1]", [1, 2], [1, 3]),
        ("$", {"a": 1}, {"b": 1}),
    ],
)
def test_json_paths_reach_what_they_name(ask: Any, path: str, left: Any, right: Any) -> None:

    rules = Rules.of(ignore=[path])
    one, other = (ask(raw=json.dumps(value).encode()) for value in (left, right))
    assert key(one, RULES) != key(other, RULES)
    assert key(one, rules) == key(other, rules)


@pytest.mark.parametrize(
    "entry",
    ["prompt", "$.", "$.a[", "$.a[x]", {"path": "$.a", "regex": "("}, {"regex": "a"}, 7, {"path": "$", "re": "x"}],
)
def test_a_rule_that_cannot_work_is_refused_and_shown(entry: Any) -> None:
    shown = entry if isinstance(entry, str) else entry.get("regex", "") if isinstance(entry, dict) else "7"
    with pytest.raises(ValueError, match=r"ignore|JSON path") as raised:
        Rules.of(ignore=[entry])
    assert str(shown) in str(raised.value)
