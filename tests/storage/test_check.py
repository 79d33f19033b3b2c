"""`check` names everything that is wrong with a file, each with its place, and nothing where there is nothing."""

from __future__ import annotations

from pathlib import Path

from harness.model import Cassette, Head, Interaction, Request, Reset, Timeline
from harness.storage import Finding, check, dump

FILE = """\
interactions:
- request: {method: GET, uri: 'https://x/', headers: {}, body: ''}
  response:
    status: {code: 200, message: OK}
    headers: {}
    timeline: {v: 1, unit: ms, headers_at: 0, chunks: 0+2, end: eof, end_ms: 0}
    body: {string: hi}
version: 1
"""


def findings(tmp_path: Path, text: str) -> list[tuple[str, str, str]]:
    path = tmp_path / "c.yaml"
    path.write_text(text, "utf-8")
    return [(one.place.removeprefix(f"{path}"), one.severity, one.message) for one in check(path)]


def test_a_sound_file_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, FILE) == []
    clean = Interaction(Request("GET", "https://x/"), Timeline.of(Head(200), [b"x"]))
    failed = Interaction(Request("GET", "https://x/"), Timeline.failed(Reset("ConnectError", "refused")))
    assert findings(tmp_path, dump(Cassette((clean, failed))).decode()) == []


def test_unknown_keys_are_named_with_what_was_meant(tmp_path: Path) -> None:
    spoiled = (
        FILE.replace("version: 1\n", "versoin: 1\nversion: 1\n")
        .replace("uri: 'https://x/',", "uri: 'https://x/', heders: {},")
        .replace("end_ms: 0", "end_ms: 0, unti: ms")
        .replace("    body:", "    bdoy: 1\n    body:")
        .replace("  response:", "  recorded_at: 1\n  response:")
    )
    found = findings(tmp_path, spoiled)
    assert [(place, message.partition(" is not")[0], message.rpartition(". ")[2]) for place, _, message in found] == [
        ("", "the key 'versoin'", "Did you mean 'version'?"),
        (": interaction #1", "the key 'recorded_at'", "the key 'recorded_at' is not known and is ignored."),
        (": interaction #1, request", "the key 'heders'", "Did you mean 'headers'?"),
        (": interaction #1, response", "the key 'bdoy'", "Did you mean 'body'?"),
        (": interaction #1, response.timeline", "the key 'unti'", "Did you mean 'unit'?"),
    ]
    assert {severity for _, severity, _ in found} == {"warning"}


def test_an_edited_body_is_a_warning(tmp_path: Path) -> None:
    ((place, severity, message),) = findings(tmp_path, FILE.replace("string: hi", "string: hello"))
    assert (place, severity) == ("", "warning")
    assert message.startswith("interaction #1: the timeline adds up to 2 bytes and the body has 5")


def test_a_file_that_does_not_load_is_one_error(tmp_path: Path) -> None:
    ((place, severity, message),) = findings(tmp_path, FILE.replace("end: eof", "end: eon"))
    assert (place, severity) == ("", "error")
    assert message.startswith("interaction #1, response.timeline.end: 'eon' is no way to end")


def test_a_missing_file_is_one_error(tmp_path: Path) -> None:
    (one,) = check(tmp_path / "nowhere.yaml")
    assert isinstance(one, Finding)
    assert one.severity == "error"
    assert str(one).startswith(f"{tmp_path / 'nowhere.yaml'}: error: there is no cassette here")
