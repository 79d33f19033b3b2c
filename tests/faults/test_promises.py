"""check_fault: every built-in fault keeps the promises, and for each promise a planted fault breaks that one alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import MappingProxyType

import pytest

import harness
from harness import faults, plugins
from harness.errors import PluginError, PromiseBrokenError
from harness.model import Chunk, End, Head, Timeline
from harness.spec import Asked, FaultSite, Params
from harness.testing import check_fault


class Hiccup:
    """A well-behaved fault of somebody's own: a chunk comes twice."""

    name = "hiccup"
    params: Mapping[str, str] = MappingProxyType({"times": "how often, from 1 (1 by default)"})
    points = frozenset({"chunk", "token", "byte"})
    dialects = frozenset({"openai-chat", "native"})

    def refuse(self, params: Params) -> None:
        if not isinstance(params.get("times", 1), int):
            message = "'times' takes a whole number"
            raise ValueError(message)  # noqa: TRY004 - as every fault does

    def sites(self, timeline: Timeline) -> Iterable[FaultSite]:
        return [FaultSite("chunk", number) for number in range(1, len(timeline.chunks) + 1)]

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        if site not in self.sites(timeline) or asked.dialect not in self.dialects:
            message = "not there"
            raise ValueError(message)
        self.refuse(params)
        place = site.chunk or 0
        return replace(timeline, events=(*timeline.events[: 1 + place], *timeline.events[place:]))


PLANTED: dict[str, Hiccup] = {}


def breaks(promise: str) -> object:
    def plant(cls: type[Hiccup]) -> type[Hiccup]:
        assert promise not in PLANTED
        PLANTED[promise] = cls()
        return cls

    return plant


@breaks("has-a-name")  # type: ignore[operator]
class Shouts(Hiccup):
    name = "Hiccup!"


@breaks("explains-its-parameters")  # type: ignore[operator]
class Mumbles(Hiccup):
    params: Mapping[str, str] = MappingProxyType({"times": " "})


@breaks("names-places")  # type: ignore[operator]
class CountsFromZero(Hiccup):
    def sites(self, timeline: Timeline) -> Iterable[FaultSite]:
        return [FaultSite("chunk", 0), *super().sites(timeline)]


@breaks("announces-its-points")  # type: ignore[operator]
class Understates(Hiccup):
    points = frozenset({"end"})


@breaks("strikes-where-it-says")  # type: ignore[operator]
class Overpromises(Hiccup):
    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        if site.chunk == len(timeline.chunks):
            message = "not the last one after all"
            raise ValueError(message)
        return super().apply(timeline, site, params, asked)


@breaks("changes-something")  # type: ignore[operator]
class DoesNothing(Hiccup):
    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        super().apply(timeline, site, params, asked)
        return timeline


class Idle(DoesNothing):
    name = "idle"


@breaks("is-pure")  # type: ignore[operator]
class Remembers(Hiccup):
    def __init__(self) -> None:
        self.struck = 0

    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        self.struck += 1
        answer = super().apply(timeline, site, params, asked)
        last = answer.events[-1][0] + self.struck
        return replace(answer, events=(*answer.events[:-1], (type(answer.events[-1][0])(last), End())))


@breaks("refuses-other-places")  # type: ignore[operator]
class StrikesAnywhere(Hiccup):
    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        if asked.dialect not in self.dialects:
            message = "not there"
            raise ValueError(message)
        return Timeline.of(timeline.head, [b"x"]) if timeline.head else timeline


@breaks("refuses-wrong-values")  # type: ignore[operator]
class TakesAnything(Hiccup):
    def refuse(self, params: Params) -> None:
        del params


@breaks("refuses-other-dialects")  # type: ignore[operator]
class SpeaksEverything(Hiccup):
    def apply(self, timeline: Timeline, site: FaultSite, params: Params, asked: Asked) -> Timeline:
        return super().apply(timeline, site, params, replace(asked, dialect="native"))


@breaks("benign-keeps-the-meaning")  # type: ignore[operator]
class SaysItIsBenign(Hiccup):
    is_benign = True


def test_a_good_fault_keeps_every_promise() -> None:
    report = check_fault(Hiccup())
    assert set(report.kept) == {promise.id for promise in faults.FAULT_PROMISES}


@pytest.mark.parametrize("promise", [promise.id for promise in faults.FAULT_PROMISES])
def test_a_broken_fault_is_caught_by_its_promise_and_by_no_other(promise: str) -> None:
    with pytest.raises(PromiseBrokenError, match=f"promise {promise}: broken"):
        check_fault(PLANTED[promise])
    assert [id_ for id_, _ in faults.broken_promises(PLANTED[promise])] == [promise]


@pytest.mark.parametrize("name", faults.KNOWN)
def test_a_built_in_fault_keeps_every_promise(name: str) -> None:
    check_fault(faults.get(name))


def test_what_a_fault_raises_on_its_own_is_seen() -> None:
    class Falls(Hiccup):
        def sites(self, timeline: Timeline) -> Iterable[FaultSite]:
            raise ZeroDivisionError

    with pytest.raises(PromiseBrokenError, match="names-places: broken, it raised ZeroDivisionError"):
        check_fault(Falls())


def test_what_is_no_fault_and_what_is_no_promise_are_told() -> None:
    with pytest.raises(TypeError, match="is no fault"):
        check_fault(object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no promise is called tidy"):
        check_fault(Hiccup(), only=["tidy"])
    assert check_fault(Hiccup(), only=["is-pure"]).kept == ("is-pure",)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    """A package with faults of its own."""
    points = [
        EntryPoint("hiccup", f"{__name__}:Hiccup", "harness.faults"),
        EntryPoint("shouts", f"{__name__}:Shouts", "harness.faults"),
        EntryPoint("idle", f"{__name__}:Idle", "harness.faults"),
        EntryPoint("nothing", f"{__name__}:PLANTED", "harness.faults"),
        EntryPoint("reset-mid-stream", f"{__name__}:Shouts", "harness.faults"),
    ]
    here = {"Hiccup": Hiccup, "Shouts": Shouts, "Idle": Idle, "PLANTED": PLANTED}
    monkeypatch.setattr(EntryPoint, "load", lambda point: here[point.attr])
    monkeypatch.setattr(plugins, "entry_points", lambda group: [p for p in points if p.group == group])
    plugins._checked.cache_clear()
    yield
    plugins._checked.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_fault_of_a_package_strikes_as_ours_do() -> None:
    with harness.replay(lambda _: "one two", faults="call=1/chunk=1/kind=hiccup") as session:
        assert session.backend().complete([{"role": "user", "content": "x"}]).narrative_text == "oneone two"


@pytest.mark.usefixtures("installed")
def test_a_broken_fault_of_a_package_is_refused_when_it_is_loaded() -> None:
    with pytest.raises(PluginError, match="has-a-name: it is called 'Hiccup!'"):
        harness.replay(lambda _: "one", faults="call=1/kind=shouts")
    with pytest.raises(PluginError, match="and no fault"):
        plugins.fault("nothing")
    with pytest.raises(PluginError, match="changes-something: every answer stayed as it was"):
        plugins.fault("idle")


@pytest.mark.usefixtures("installed")
def test_a_name_of_ours_is_ours() -> None:
    assert plugins.fault("reset-mid-stream") is faults.get("reset-mid-stream")
    with pytest.raises(ValueError, match=r"no fault is called 'hickup'.*and those of packages: hiccup, idle, nothing"):
        plugins.fault("hickup")


def test_a_chunk_of_the_sample_fault_is_one() -> None:
    """The lever is connected: the planted faults differ from one that works."""
    answer = Timeline.of(Head(200), [b"a", b"b"])
    struck = Hiccup().apply(answer, FaultSite("chunk", 1), {}, Asked("native"))
    assert [event.data for _, event in struck.events if isinstance(event, Chunk)] == [b"a", b"a", b"b"]
