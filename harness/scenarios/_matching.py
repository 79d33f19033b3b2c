"""Whether a call answers a request, and where it does not: each part that differs, ready to print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.matching import Redaction
from harness.model import Prompt
from harness.scenarios._scenario import When
from harness.scenarios._words import TextMatch
from harness.spec import Difference

_SHOWN_MAX: Final = 100
_REDACTION: Final = Redaction.default()


def misses(when: When, prompt: Prompt, path: str = "when") -> list[Difference]:
    """The parts of `when` that do not hold for `prompt`; none where the call answers it."""
    return list(_misses(when, prompt, path))


def _misses(when: When, prompt: Prompt, path: str) -> Iterator[Difference]:
    texts = {"user": prompt.text, "system": prompt.system, "model": prompt.model}
    for name, text in texts.items():
        match: TextMatch | None = getattr(when, name)
        if match is not None and not match.fits(text):
            yield Difference(f"{path}.{name}", str(match), shown(text))
    if when.stream is not None and when.stream != bool(prompt.stream):
        yield Difference(f"{path}.stream", str(when.stream).lower(), str(bool(prompt.stream)).lower())
    if when.turn is not None and when.turn != turn(prompt):
        yield Difference(f"{path}.turn", str(when.turn), str(turn(prompt)))
    for number, part in enumerate(when.all_):
        yield from _misses(part, prompt, f"{path}.all[{number}]")
    yield from _none_of(when, prompt, path)
    if when.not_ is not None and not misses(when.not_, prompt):
        yield Difference(f"{path}.not", described(when.not_), "just that")


def _none_of(when: When, prompt: Prompt, path: str) -> Iterator[Difference]:
    tried = [misses(part, prompt, f"{path}.any[{number}]") for number, part in enumerate(when.any_)]
    if tried and all(tried):
        yield from (difference for missed in tried for difference in missed)


def described(when: When) -> str:
    """`when` in one line."""
    said = [f"{name} {match}" for name in ("user", "system", "model") if (match := getattr(when, name)) is not None]
    said += [f"{name} {value}" for name in ("stream", "turn") if (value := getattr(when, name)) is not None]
    said += [f"all of {len(when.all_)} rules"] if when.all_ else []
    said += [f"one of {len(when.any_)} rules"] if when.any_ else []
    said += [f"not ({described(when.not_)})"] if when.not_ is not None else []
    return ", ".join(said) or "everything"


def turn(prompt: Prompt) -> int:
    """Which turn of the conversation this is, from one: the model has spoken one time less."""
    return 1 + sum(message.role == "assistant" for message in prompt.messages)


def shown(text: str) -> str:
    """`text` redacted, and short: its beginning, and how long it is."""
    clean = _REDACTION.text(text)
    return repr(clean) if len(clean) <= _SHOWN_MAX else f"{clean[:_SHOWN_MAX]!r}… ({len(text):,} characters)"
