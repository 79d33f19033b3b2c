"""Every fault, on every answer of every dialect: it strikes where it says, and leaves a timeline that can be played."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import faults
from harness.model import Interaction, Timeline
from harness.spec import Asked, FaultSite
from tests.faults.answers import DIALECTS, every, meaning, spoken

ANSWERS = list(every())
BENIGN = [name for name, fault in faults.KNOWN.items() if getattr(fault, "is_benign", False)]


def struck_everywhere(name: str, dialect: str, answer: Interaction) -> Iterator[tuple[FaultSite, Timeline]]:
    """The answer with the fault, at its first, middle and last site, where there is something to strike."""
    fault = faults.get(name)
    asked = Asked(dialect, answer.request)
    sites = list(fault.sites(answer.timeline))
    for site in dict.fromkeys([*sites[:1], *sites[len(sites) // 2 :][:1], *sites[-1:]]):
        try:
            yield site, fault.apply(answer.timeline, site, {}, asked)
        except faults.NoPlaceError:
            continue


@pytest.mark.parametrize("name", faults.KNOWN)
def test_a_fault_strikes_in_every_dialect_that_has_a_form_of_it(name: str) -> None:
    """And is pure: the same twice, and the answer as it was."""
    fault = faults.get(name)
    having: frozenset[str] = getattr(fault, "dialects", frozenset()) or frozenset(DIALECTS)
    met = set()
    for dialect, answer in ANSWERS:
        before = (answer.timeline.events, answer.timeline.left)
        if dialect not in having:
            faults_site = next(iter(fault.sites(answer.timeline)), None)
            if faults_site is not None:
                with pytest.raises(ValueError, match="has no form in"):
                    fault.apply(answer.timeline, faults_site, {}, Asked(dialect, answer.request))
            continue
        for site, struck in struck_everywhere(name, dialect, answer):
            met.add(dialect)
            assert site.point in getattr(fault, "points", ()), site
            assert struck != answer.timeline or name in BENIGN, (dialect, site)
            again = fault.apply(answer.timeline, site, {}, Asked(dialect, answer.request))
            assert struck == again
        assert (answer.timeline.events, answer.timeline.left) == before
    assert met == having & set(DIALECTS)


@pytest.mark.parametrize("name", BENIGN)
def test_a_benign_fault_leaves_what_an_answer_means(name: str) -> None:
    seen = 0
    for dialect, answer in ANSWERS:
        having = getattr(faults.get(name), "dialects", frozenset())
        if having and dialect not in having:
            continue
        for _, struck in struck_everywhere(name, dialect, answer):
            other = Interaction(answer.request, struck, answer.id)
            assert meaning(other) == meaning(answer), dialect
            seen += 1
    assert seen > 1


@pytest.mark.parametrize("name", [name for name in BENIGN if name not in {"keepalive-stale", "gzip-ok"}])
def test_a_benign_fault_changes_the_bytes_of_some_dialect(name: str) -> None:
    assert any(
        struck.chunks != answer.timeline.chunks
        for dialect, answer in ANSWERS
        if not (having := getattr(faults.get(name), "dialects", frozenset())) or dialect in having
        for _, struck in struck_everywhere(name, dialect, answer)
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_a_fault_strikes_at_any_chunking(dialect: str, data: st.DataObject) -> None:
    """Where the frames stand does not depend on how they came: inside a letter, several at once."""
    answer = spoken(dialect, stream=True)
    lengths = data.draw(st.lists(st.integers(1, 200), max_size=40))
    cut = Interaction(answer.request, answer.timeline.rechunked(lengths), "a")
    name = data.draw(st.sampled_from(sorted(faults.KNOWN)))
    having = getattr(faults.get(name), "dialects", frozenset())
    if not having or dialect in having:
        sites = list(faults.get(name).sites(cut.timeline))
        for site in sites[:1] + sites[-1:]:
            try:
                struck = faults.get(name).apply(cut.timeline, site, {}, Asked(dialect, cut.request))
            except faults.NoPlaceError:
                continue
            assert struck != cut.timeline or name in BENIGN, (name, site)


def test_a_place_that_a_fault_does_not_have_is_refused() -> None:
    answer = spoken("openai-chat", stream=True).timeline
    for name, fault in faults.KNOWN.items():
        with pytest.raises(ValueError, match=r"no such place|cannot strike|takes the place of a head"):
            fault.apply(answer, FaultSite("chunk", 99), {}, Asked("openai-chat"))
        for point in ("connect", "headers", "chunk", "end"):
            if point not in getattr(fault, "points", ()):
                with pytest.raises(ValueError, match=f"{name} does not strike at"):
                    faults.check_point(fault, point)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_put_in_stands_between_two_events_however_the_chunks_are_cut(dialect: str) -> None:
    """Else it would end up inside half an event, which no server sends."""
    given = spoken(dialect, stream=True)
    cut = Interaction(given.request, given.timeline.rechunked([7] * len(given.timeline.body)), "a")
    for number in (3, 20, len(cut.timeline.chunks) // 2):
        site, asked = FaultSite("chunk", number), Asked(dialect, cut.request)
        failed = faults.get("error-event").apply(cut.timeline, site, {}, asked)
        problem = meaning(Interaction(cut.request, failed, "a")).problem
        assert problem is not None
        assert problem.kind == "server-error"
        unknown = faults.get("unknown-event").apply(cut.timeline, site, {}, asked)
        assert meaning(Interaction(cut.request, unknown, "a")) == meaning(cut)
