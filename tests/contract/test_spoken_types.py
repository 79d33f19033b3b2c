"""A backend in somebody else's types, from end to end: what it is, what it returns, what it raises."""

from __future__ import annotations

import asyncio
import copy
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol, TypedDict, runtime_checkable

import attrs
import pydantic
import pytest

import harness
from harness.errors import ContractMisfitError
from harness.testing import Act, Script

HELLO = [{"role": "user", "content": "Hello?"}]


class TheirTimeout(Exception):  # noqa: N818 - a contract's own name
    pass


@dataclass
class DataResult:
    success: bool
    text: str
    tokens: int | None = None
    tags: list[str] = field(default_factory=list)


class TypedResult(TypedDict):
    success: bool
    text: str


class PydanticResult(pydantic.BaseModel):
    success: bool
    text: str
    cost: float = 0.0


@attrs.define
class AttrsResult:
    success: bool
    text: str
    cost: float = 0.0


class TheirABC(ABC):
    @abstractmethod
    async def generate(self, prompt: str) -> Any: ...

    async def shout(self, prompt: str) -> str:
        result = await self.generate(prompt)
        return str(result["text"] if isinstance(result, dict) else result.text).upper()


@runtime_checkable
class TheirProtocol(Protocol):
    model: str
    timeout: float

    async def generate(self, prompt: str) -> Any: ...


@dataclass
class TheirResponse:
    narrative_text: str
    tool_call: Any = None
    finish_reason: str = "stop"
    seconds: float = -1.0


class ChatABC(ABC):
    @abstractmethod
    def complete(self, messages: Any) -> TheirResponse: ...

    @abstractmethod
    def stream_tokens(self, messages: Any) -> Iterator[str]: ...

    def parse_tool_call(self, raw: str) -> tuple[str, Any]:
        narrative, _, call = raw.partition("<call>")
        return narrative, call or None


RESULTS = [DataResult, TypedResult, PydanticResult, AttrsResult]
BASES = [TheirABC, TheirProtocol, None]


@pytest.mark.parametrize("base", BASES, ids=["ABC", "Protocol", "duck"])
@pytest.mark.parametrize("result", RESULTS)
def test_every_kind_of_base_goes_with_every_kind_of_result(base: Any, result: Any) -> None:
    contract = SimpleNamespace(LLMResult=result, LLMTimeout=TheirTimeout)
    if base is not None:
        contract.LLMBackend = base
    with harness.replay(Script.of(Act(("hi",))).source()) as session:
        backend = session.backend(contract=contract)
        assert base is None or isinstance(backend, base)
        made = asyncio.run(backend.generate("x"))
        if base is TheirABC:
            assert asyncio.run(backend.shout("x")) == "HI"
    expected = {"success": True, "text": "hi"}
    assert made == (expected if result is TypedResult else result(**expected))
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert again == made
        assert repr(again) == repr(made)


def test_their_exceptions_are_raised_under_names_of_their_own() -> None:
    renamed = harness.Contract(SimpleNamespace(GenTimeout=TheirTimeout), timeout="GenTimeout")
    with harness.replay(Script.of(Act(("late",), gap_s=99)).source()) as session:
        backend = session.backend(contract=renamed, timeout=5.0)
        with pytest.raises(TheirTimeout, match="did not finish within 5 s") as caught:
            asyncio.run(backend.generate("x"))
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args


def test_a_chat_base_brings_its_own_way_of_taking_text_apart_and_its_own_fields() -> None:
    contract = SimpleNamespace(LLMBackend=ChatABC, LLMResponse=TheirResponse)
    with harness.replay(lambda prompt: "You walk on.<call>north") as session:
        backend = session.backend(contract=contract)
        assert isinstance(backend, ChatABC)
        assert backend.complete(HELLO) == TheirResponse("You walk on.", "north", "stop", seconds=-1.0)


def test_misfits_of_the_base_and_of_the_types_are_named_together() -> None:
    class Odd(ABC):
        @abstractmethod
        def embed(self, text: str) -> list[float]: ...

        @abstractmethod
        def complete(self, messages: Any, *, budget: int) -> Any: ...

    @dataclass
    class Needy:
        success: bool
        text: str
        cost: float

    with harness.replay(harness.Cassette()) as session, pytest.raises(ContractMisfitError) as caught:
        session.backend(contract=SimpleNamespace(LLMBackend=Odd, LLMResult=Needy, LLMTimeout=int))
    for part in ("'cost' is not in", "Odd.embed has to be", "required argument 'budget'", "int: it is no exception"):
        assert part in str(caught.value)
    assert "backend=None to go without theirs" in str(caught.value)
