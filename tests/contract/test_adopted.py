"""A backend class that is the contract's too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from harness import contract as ours
from harness.contract import Types, adopted, resolve
from harness.errors import ContractMisfitError


class Mine:
    """Stands in for a backend of ours."""

    model = "replay"
    timeout = 60.0
    on_status = None

    def __init__(self, source: str, *, model: str = "replay", timeout: float = 60.0) -> None:
        self.source, self.model, self.timeout = source, model, timeout

    async def generate(self, prompt: str) -> str:
        return self.source

    def complete(self, messages: list[Any], stream: bool = False) -> Any:
        return self.parse_tool_call(self.source)

    def stream_tokens(self, messages: list[Any]) -> Iterator[str]:
        yield self.source

    def is_available(self) -> bool:
        return True

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        return raw, "ours"


class TheirABC(ABC):
    def __init__(self, model: str, timeout: float = 5.0) -> None:
        self.model, self.timeout, self.seen = model, -1.0, model

    @abstractmethod
    def complete(self, messages: list[Any], stream: bool = False) -> Any: ...

    @abstractmethod
    def is_available(self) -> bool: ...

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        return raw, "theirs"

    def shout(self) -> str:
        return "HEY"


def test_isinstance_holds_both_ways_and_inherited_helpers_win() -> None:
    backend = adopted(Mine, TheirABC)("text", model="m", timeout=9.0)
    assert isinstance(backend, TheirABC)
    assert isinstance(backend, Mine)
    assert backend.complete([]) == ("text", "theirs")
    assert backend.shout() == "HEY"
    assert (backend.model, backend.timeout, backend.seen) == ("m", 9.0, "m"), "our settings outlive their constructor"


def test_a_constructor_that_wants_what_nobody_chose_gets_what_we_are_set_to() -> None:
    class Eager:
        def __init__(self, model: str, timeout: float, on_status: Any) -> None:
            self.seen = (model, timeout, on_status)

    assert adopted(Mine, Eager)("text").seen == ("replay", 60.0, None)
    assert adopted(Mine, Eager)("text", model="m").seen == ("m", 60.0, None)


class TheirProtocol(Protocol):
    def complete(self, messages: list[Any], stream: bool = False) -> Any: ...

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        """Only a declaration."""


def test_a_method_that_a_protocol_only_declares_stays_ours() -> None:
    assert adopted(Mine, TheirProtocol)("text").complete([]) == ("text", "ours")


class TheirDuck:
    def generate(self, prompt: str) -> str:
        raise NotImplementedError

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        raise NotImplementedError


def test_a_verb_of_another_colour_is_a_misfit() -> None:
    with pytest.raises(ContractMisfitError, match=r"TheirDuck\.generate is sync, and async in the published contract"):
        adopted(Mine, TheirDuck)


class Demanding(ABC):
    def __init__(self, config: object) -> None:
        self.config = config

    @abstractmethod
    def embed(self, text: str) -> list[float]: ...

    @abstractmethod
    def complete(self, messages: list[Any], budget: int) -> Any: ...

    def warm_up(self) -> None:
        raise NotImplementedError


def test_every_misfit_of_a_base_is_named_at_once() -> None:
    with pytest.raises(ContractMisfitError) as caught:
        adopted(Mine, Demanding)
    for part in ("Demanding.embed has to be", "Demanding.warm_up has to be", "argument 'budget'", "argument 'config'"):
        assert part in str(caught.value)


def test_an_adopted_class_is_made_once() -> None:
    assert adopted(Mine, TheirABC) is adopted(Mine, TheirABC)
    assert adopted(Mine, None) is Mine


def test_types_say_where_they_come_from() -> None:
    assert isinstance(resolve(ours), Types)
    assert resolve(ours).name == "harness.contract"


def test_a_base_with_a_metaclass_of_its_own_is_derived_from_too() -> None:
    class Registry(type):
        pass

    class Registered(metaclass=Registry):
        pass

    backend = adopted(type("Abstract", (Mine, ABC), {}), Registered)("text")
    assert isinstance(backend, Registered)
    assert isinstance(type(backend), Registry)


def test_a_base_that_lets_nobody_derive_is_a_misfit() -> None:
    with pytest.raises(ContractMisfitError, match=r"builtins\.bool and a backend of ours cannot be one class"):
        adopted(Mine, bool)
