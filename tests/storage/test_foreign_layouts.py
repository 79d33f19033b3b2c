"""What other projects made of vcrpy's format, one small file for each way; the real ones are in tests/corpus."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from harness.errors import CassetteError
from harness.model import Headers, Interaction
from harness.storage import load, parse

REQUEST = {"method": "POST", "uri": "https://x/v1", "headers": {"Accept": ["*/*"]}, "body": "{}"}
RESPONSE = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": "hi"}}


def only(document: object) -> Interaction:
    (one,) = parse(yaml.safe_dump(document).encode(), "foreign")
    return one


def answer(**changes: object) -> Interaction:
    response = {key: value for key, value in {**RESPONSE, **changes}.items() if value is not ...}
    return only({"interactions": [{"request": REQUEST, "response": response}], "version": 1})


def asked(**changes: object) -> Interaction:
    request = {key: value for key, value in {**REQUEST, **changes}.items() if value is not ...}
    return only({"interactions": [{"request": request, "response": RESPONSE}], "version": 1})


def encoded(coding: str, body: bytes) -> Interaction:
    return answer(headers={"Content-Encoding": [coding], "Content-Length": ["7"]}, body={"string": body})


def headers_of(one: Interaction) -> Headers:
    assert one.timeline.head is not None
    return one.timeline.head.headers


def test_parallel_lists_in_a_gzip_file(tmp_path: Path) -> None:
    document = {"requests": [REQUEST, {**REQUEST, "uri": "**REDACTED**"}], "responses": [RESPONSE, RESPONSE]}
    (tmp_path / "c.yaml.gz").write_bytes(gzip.compress(yaml.safe_dump(document).encode()))
    found = load(tmp_path / "c.yaml.gz")
    assert [one.request.url for one in found] == ["https://x/v1", "**REDACTED**"]


def test_parallel_lists_of_different_lengths_are_refused() -> None:
    document = {"requests": [REQUEST, REQUEST], "responses": [RESPONSE]}
    with pytest.raises(CassetteError, match="do not pair up: 2 and 1"):
        parse(yaml.safe_dump(document).encode(), "foreign")


def test_a_scenario_is_sent_to_the_verb_that_opens_it() -> None:
    with pytest.raises(CassetteError, match=r"a scenario, not a cassette\. Open it with harness\.scenario"):
        parse(b"harness: 1\nname: x\ncalls: []\n", "scenario.yaml")


def test_a_json_cassette() -> None:
    document = {"version": 1, "interactions": [{"request": REQUEST, "response": RESPONSE}]}
    for indent in (None, 4):
        (one,) = parse(json.dumps(document, indent=indent).encode(), "foreign.json")
        assert one.timeline.body == b"hi"


def test_one_pair_in_one_json_file() -> None:
    headers = {"Content-Type": "application/json", "Content-Length": 3}
    document = {
        "request": {"method": "POST", "url": "https://x/v1", "headers": headers, "body": "{}"},
        "response": {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": '{"a": "é"}'},
    }
    (one,) = parse(json.dumps(document).encode(), "foreign.json")
    assert one.request.url == "https://x/v1"
    assert headers_of(one).pairs == (("Content-Type", "application/json"), ("Content-Length", "3"))
    assert one.timeline.body == '{"a": "é"}'.encode()


def test_bodies_that_were_taken_apart() -> None:
    value = {"a": [1, 2.5, None, True], "b": "é", "n": "1", "when": "2024-01-01"}
    one = only(
        {
            "interactions": [
                {
                    "request": {"method": "POST", "uri": "https://x/", "headers": {}, "parsed_body": value},
                    "response": {"status": {"code": 200, "message": "OK"}, "headers": {}, "parsed_body": value},
                }
            ]
        }
    )
    assert one.request.body == one.timeline.body == json.dumps(value).encode()


def test_a_request_body_that_is_a_mapping_is_json() -> None:
    assert asked(body={"model": "m", "stream": False}).request.body == b'{"model": "m", "stream": false}'


def test_the_old_shape_of_httpx() -> None:
    one = answer(status=..., body=..., status_code=201, http_version="HTTP/1.1", content="ok")
    assert one.timeline.head is not None
    assert (one.timeline.head.status, one.timeline.body) == (201, b"ok")


def test_header_names_of_multidict_are_read_without_importing_it() -> None:
    text = """\
interactions:
- request:
    method: POST
    uri: https://x/
    body: null
    headers:
      ? !!python/object/apply:multidict._multidict.istr
      - Accept
      : - application/json
      ? !!python/object/new:multidict._multidict.istr
      - X-One
      : - '1'
      ? !!python/object/new:multidict._multidict_py.istr
        args: [X-Two]
      : - '2'
  response:
    status: {code: 200, message: OK}
    headers: {}
    body: {string: ''}
version: 1
"""
    (one,) = parse(text.encode(), "foreign")
    assert one.request.headers.pairs == (("Accept", "application/json"), ("X-One", "1"), ("X-Two", "2"))


def test_bodies_that_old_vcrpy_wrote_as_objects() -> None:
    bodies = {
        "!!python/object/new:_io.BytesIO\n      state: !!python/tuple [!!binary aGk=, 0, null]": b"hi",
        "!!python/object/apply:builtins.iter\n      args: [[!!binary aGk=, '!']]": b"hi!",
        "!!python/unicode 'hi'": b"hi",
    }
    for written, body in bodies.items():
        text = f"""\
interactions:
- request:
    method: POST
    uri: https://x/
    headers: {{}}
    body: {written}
  response: {{status: {{code: 200, message: OK}}, headers: {{}}, body: {{string: ''}}}}
version: 1
"""
        (one,) = parse(text.encode(), "foreign")
        assert one.request.body == body


def test_headers_may_be_scalar_missing_or_of_any_type() -> None:
    text = """\
interactions:
- request: {method: GET, uri: https://x/}
  response:
    status: {code: 200, message: OK}
    headers: {X-Int: 12, X-Float: 1.10, X-Yes: yes, X-Date: 2024-01-01, X-None: null, X-Many: [a, 2]}
    body: {string: 5}
"""
    (one,) = parse(text.encode(), "foreign")
    assert one.request.headers.pairs == ()
    assert headers_of(one).pairs == (
        ("X-Int", "12"),
        ("X-Float", "1.10"),
        ("X-Yes", "yes"),
        ("X-Date", "2024-01-01"),
        ("X-None", ""),
        ("X-Many", "a"),
        ("X-Many", "2"),
    )
    assert one.timeline.body == b"5"


def test_a_method_in_small_letters_is_put_in_capitals() -> None:
    assert asked(method="post").request.method == "POST"


@pytest.mark.parametrize("body", [None, ""])
def test_an_answer_without_a_body_is_empty(body: str | None) -> None:
    assert answer(body={"string": body}).timeline.body == b""


def packed(body: bytes) -> bytes:
    """Without the time of packing, which would be in the name of the test."""
    return gzip.compress(body, mtime=0)


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    "coding, packed",
    [
        ("gzip", packed(b"plain")),
        ("x-gzip", packed(b"pl") + packed(b"ain")),
        ("GZIP", packed(b"plain")),
        ("deflate", zlib.compress(b"plain")),
        ("deflate", raw_deflate(b"plain")),
        ("deflate, gzip", packed(zlib.compress(b"plain"))),
        ("identity", b"plain"),
        ("gzip", b"plain"),
        ("deflate", b"plain"),
        ("br", b"plain"),
        ("zstd", b"plain"),
    ],
)
def test_compressed_bodies_are_inflated_and_plain_ones_left(coding: str, packed: bytes) -> None:
    one = encoded(coding, packed)
    assert one.timeline.body == b"plain"
    assert headers_of(one).pairs == (("Content-Length", "5"),)


@pytest.mark.parametrize("coding, module", [("br", "brotli"), ("zstd", "zstandard")])
def test_what_no_library_decodes_is_kept_with_a_remark(
    coding: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.storage._coding.find_spec", lambda name: None)
    body = b"\x28\xb5\x2f\xfd\xff\xff"
    item = {
        "request": REQUEST,
        "response": {**RESPONSE, "headers": {"content-encoding": [coding]}, "body": {"string": body}},
    }
    found = parse(yaml.safe_dump({"interactions": [item], "version": 1}).encode(), "foreign")
    assert found.interactions[0].timeline.body == body
    assert found.notes == (
        f"foreign: interaction #1: the body is left compressed ({coding}): the package `{module}` is not installed",
    )


def test_brotli_is_decoded_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(decompress=lambda body: body[::-1].replace(b"\xff", b""), error=RuntimeError)
    monkeypatch.setattr("harness.storage._coding.find_spec", lambda name: name == "brotlicffi")
    monkeypatch.setattr("harness.storage._coding.import_module", {"brotlicffi": library}.__getitem__)
    assert encoded("br", b"\xffnialp").timeline.body == b"plain"


@pytest.mark.parametrize(
    "coding, body, said",
    [
        ("gzip", packed(b"plain" * 99)[:-9], "its end is missing"),
        ("gzip", b"\x1f\x8b\xff\xff", "cannot be decoded"),
        ("rot13", b"\xff", "nobody here knows the content-encoding 'rot13'"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_an_error(coding: str, body: bytes, said: str) -> None:
    with pytest.raises(CassetteError, match=r"interaction #1, response\.body: the body is marked") as caught:
        encoded(coding, body)
    assert said in str(caught.value)


ONE = "request: {method: GET, uri: https://x/0}"
TWO = "request: {method: GET, uri: https://x/1}"
HI = "response: {status: 200, body: hi}"
ITEMS = f"- {ONE}\n  {HI}\n- {TWO}\n  {HI}\n"
END = "version: 1\n"
STYLES = {
    "indented": f"interactions:\n  - {ONE}\n    {HI}\n  - {TWO}\n    {HI}\n{END}",
    "aliases": f"interactions:\n- {ONE}\n  response: &r\n    status: 200\n    body: hi\n- {TWO}\n  response: *r\n{END}",
    "merged": "base: &r {status: 200, body: hi}\ninteractions:\n"
    f"- {ONE}\n  response: {{<<: *r}}\n- {TWO}\n  response: {{<<: [*r]}}\n{END}",
    "commented": f"# by hand\ninteractions: # two\n- {ONE}\n  {HI}\n# between\n\n- {TWO}\n  {HI}\n\n# end\n{END}",
    "version first": f"version: 1\ninteractions:\n{ITEMS}".rstrip(),
    "document marks": f"---\ninteractions:\n{ITEMS}{END}...\n",
    "quoted across lines": f"{END}note: 'a\ninteractions:\n- b'\ninteractions:\n{ITEMS}",
    "quoted at the margin": "interactions:\n"
    f"- {ONE}\n  response: {{status: 200, body: hi, x: 'a\n- b\nc'}}\n- {TWO}\n  {HI}\n{END}",
    "flow": f"interactions: [{{{ONE}, {HI}}},\n{{{TWO}, {HI}}}]\n{END}",
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("breaks", ["\n", "\r\n"])
def test_a_file_written_by_hand_may_have_any_style(style: str, breaks: str) -> None:
    found = parse(STYLES[style].replace("\n", breaks).encode(), style)
    assert [one.request.url for one in found] == ["https://x/0", "https://x/1"]
    assert [one.timeline.body for one in found] == [b"hi", b"hi"]
    assert found.notes == ()
