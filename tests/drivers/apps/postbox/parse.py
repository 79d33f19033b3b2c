"""Small models do as they like: what they send is taken for an e-mail as far as that can be done, and it is said what
was done to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SUBJECT = re.compile(r"^[\s>*#]*subject\s*:\s*\**\s*(?P<subject>.+?)\**\s*$", re.IGNORECASE | re.MULTILINE)
_FENCE = re.compile(r"^```\w*\n(?P<inside>.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)


class NotAnEmail(Exception):  # noqa: N818 - the application's own name
    """There is nothing in it that could be sent."""


@dataclass(frozen=True)
class Email:
    subject: str
    body: str
    repairs: tuple[str, ...] = ()


def parse(text: str) -> Email:
    repairs = []
    if fenced := _FENCE.search(text):
        text = fenced["inside"] if _SUBJECT.search(fenced["inside"]) else _FENCE.sub(r"\g<inside>", text)
        repairs.append("took it out of a fence")
    lines = text.strip().splitlines()
    found = _SUBJECT.search(text)
    if found:
        subject, body = found["subject"], text[found.end() :]
        if text[: found.start()].strip():
            repairs.append("left out what came before the subject")
    elif lines:
        subject, body = lines[0].strip("# *"), "\n".join(lines[1:])
        repairs.append("took the first line for the subject")
    else:
        subject = body = ""
    if not subject or not body.strip():
        message = f"no subject and body in {text.strip()[:40]!r}"
        raise NotAnEmail(message)
    return Email(subject, body.strip(), tuple(repairs))
