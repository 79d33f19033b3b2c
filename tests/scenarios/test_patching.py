"""JSON Patch, by the examples of RFC 6902, appendix A."""

from __future__ import annotations

from typing import Any

import pytest

from harness.scenarios._faults import Edit
from harness.scenarios._patching import PatchError, patched

BAR: dict[str, Any] = {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}


def edits(*given: dict[str, Any]) -> list[Edit]:
    return [Edit.model_validate(one) for one in given]


@pytest.mark.parametrize(
    "value,edit,wanted",
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"baz": "qux", "foo": "bar"}),
        ({"foo": ["a", "b"]}, {"op": "add", "path": "/foo/1", "value": "q"}, {"foo": ["a", "q", "b"]}),
        ({"baz": 1, "foo": 2}, {"op": "remove", "path": "/baz"}, {"foo": 2}),
        ({"foo": ["a", "q", "b"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["a", "b"]}),
        ({"baz": "q", "foo": 1}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo", "foo": 1}),
        (
            BAR,
            {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            {"op": "move", "from": "/foo/1", "path": "/foo/3"},
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        ({"foo": ["a", 2]}, {"op": "test", "path": "/foo/1", "value": 2}, {"foo": ["a", 2]}),
        (
            {"foo": "bar"},
            {"op": "add", "path": "/child", "value": {"grandchild": {}}},
            {"foo": "bar", "child": {"grandchild": {}}},
        ),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["a"]}, {"foo": ["bar", ["a"]]}),
        ({"a": [1]}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": [1], "b": [1]}),
        ({"a": 1}, {"op": "replace", "path": "", "value": [1]}, [1]),
    ],
)
def test_an_example_of_the_rfc(value: Any, edit: dict[str, Any], wanted: Any) -> None:
    before = repr(value)
    assert patched(value, edits(edit)) == wanted
    assert repr(value) == before


@pytest.mark.parametrize(
    "value,edit",
    [
        ({"baz": "qux"}, {"op": "test", "path": "/baz", "value": "bar"}),
        ({"foo": "bar"}, {"op": "add", "path": "/baz/bat", "value": "qux"}),
        ({"a": "10"}, {"op": "test", "path": "/a", "value": 10}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": True}),
        ({"a": [1]}, {"op": "add", "path": "/a/2", "value": 1}),
        ({"a": [1]}, {"op": "remove", "path": "/a/01"}),
        ({"a": {}}, {"op": "replace", "path": "/a/b", "value": 1}),
        ({"a": {"b": 1}}, {"op": "move", "from": "/a", "path": "/a/b"}),
        ({"a": 1}, {"op": "remove", "path": "/a/b"}),
    ],
)
def test_what_cannot_be_done_is_an_error_and_changes_nothing(value: Any, edit: dict[str, Any]) -> None:
    before = repr(value)
    with pytest.raises(PatchError):
        patched(value, edits(edit))
    assert repr(value) == before
