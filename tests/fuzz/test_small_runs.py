"""Small runs that are always on: mutated seeds and arbitrary bytes through every target, and every case once found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.found import FOUND
from tests.fuzz.targets import SEEDS, TARGETS


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with some of it cut out, doubled, or replaced."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        stop = min(len(data), at + draw(st.integers(0, 12)))
        fresh = draw(
            st.binary(max_size=6) | st.sampled_from([b'"', b"\\", b"{", b"]", b"\n\n", b"\r", b"\0", data[at:stop] * 2])
        )
        data = data[:at] + fresh + data[stop:]
    return data


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_whatever_it_reads_it_raises_nothing_but_errors_of_ours(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(mutated(SEEDS[name]) | st.binary(max_size=200)))


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_pass(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name, data", [pytest.param(name, data, id=why) for name, why, data in FOUND])
def test_what_was_found_once_stays_fixed(name: str, data: bytes) -> None:
    TARGETS[name](data)
