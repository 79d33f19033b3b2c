"""`contract=`: another module's types, found, completed and checked."""

from __future__ import annotations

import copy
import pickle
import sys
import types
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypedDict

import attrs
import pydantic
import pytest

from harness import contract as ours
from harness.contract import Contract, LLMResult, resolve
from harness.errors import ContractMisfitError

VALUES = {"success": True, "text": "hi", "model": "m", "latency_ms": 5, "extra": {"rc": 0}}


def namespace(**names: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(**names)


def test_no_contract_is_ours() -> None:
    found = resolve(None)
    assert found.result.make(VALUES) == LLMResult(**VALUES)
    assert (found.timeout, found.connection_error) == (ours.LLMTimeout, ours.LLMConnectionError)
    assert found.chat_timeout is ours.LLMTimeout
    assert found.base is None


def test_our_own_module_as_a_contract_is_ours() -> None:
    found = resolve(ours)
    assert found.timeout is ours.LLMTimeout
    assert found.base is ours.LLMBackend


# --- where names are looked up ---------------------------------------------------------------------------------------


class TheirTimeout(Exception):  # noqa: N818 - a contract's own name
    pass


class Holder:
    LLMTimeout = TheirTimeout
    unrelated = 1


@pytest.mark.parametrize("holder", [Holder, Holder(), namespace(LLMTimeout=TheirTimeout), {"LLMTimeout": TheirTimeout}])
def test_a_class_an_object_a_namespace_and_a_mapping_are_contracts(holder: object) -> None:
    assert resolve(holder).timeout is TheirTimeout


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    outer, inner = types.ModuleType("decoy_app"), types.ModuleType("decoy_app.base")
    outer.__path__ = []  # type: ignore[attr-defined]
    inner.LLMTimeout = TheirTimeout  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "decoy_app", outer)
    monkeypatch.setitem(sys.modules, "decoy_app.base", inner)
    return outer


def test_a_package_works_as_well_as_the_module_in_it(package: types.ModuleType) -> None:
    assert resolve(package).timeout is TheirTimeout


def test_none_of_the_names_found_is_an_error_that_lists_them() -> None:
    with pytest.raises(ContractMisfitError, match=r"none of .*LLMBackend, .*GenerationCancelled"):
        resolve(namespace(Other=TheirTimeout))


def test_renamed_names_are_mapped_by_name_or_by_class() -> None:
    module = namespace(GenTimeout=TheirTimeout)
    assert resolve(Contract(module, timeout="GenTimeout")).timeout is TheirTimeout
    assert resolve(Contract(module, timeout=TheirTimeout)).timeout is TheirTimeout


def test_a_renamed_name_that_is_not_there_is_a_misfit() -> None:
    with pytest.raises(ContractMisfitError, match="timeout: there is no 'GenTimeuot'"):
        resolve(Contract(namespace(GenTimeout=TheirTimeout), timeout="GenTimeuot"))


# --- exceptions ------------------------------------------------------------------------------------------------------


class TheirConnectionError(Exception):
    pass


class AppError(RuntimeError):
    pass


class AppTimeout(AppError):  # noqa: N818 - a contract's own name
    pass


def test_a_missing_timeout_is_caught_by_their_connection_error_and_by_our_timeout() -> None:
    found = resolve(namespace(LLMConnectionError=TheirConnectionError))
    assert issubclass(found.timeout, TheirConnectionError)
    assert issubclass(found.timeout, ours.LLMTimeout)
    assert found.timeout.__name__ == "LLMTimeout"
    assert found.chat_timeout is found.timeout


def test_what_has_no_ancestor_in_the_contract_is_ours() -> None:
    found = resolve(namespace(LLMTimeout=TheirTimeout))
    assert found.connection_error is ours.LLMConnectionError
    assert found.parse_error is ours.LLMParseError
    assert found.cancelled is ours.GenerationCancelled


def test_missing_exceptions_derive_from_the_application_s_own_base() -> None:
    found = resolve(namespace(LLMTimeout=AppTimeout))
    for made in (found.connection_error, found.parse_error):
        assert issubclass(made, AppError)
    assert not issubclass(found.cancelled, AppError), "a cancellation is no error"


def test_a_timeout_that_is_no_connection_error_is_one_under_the_chat_contract() -> None:
    found = resolve(namespace(LLMTimeout=TheirTimeout, LLMConnectionError=TheirConnectionError))
    assert found.timeout is TheirTimeout
    assert found.chat_timeout is TheirConnectionError


def test_made_up_exceptions_pickle_copy_and_print() -> None:
    found = resolve(namespace(LLMConnectionError=TheirConnectionError))
    error = found.timeout("after 60 s")
    error.stage = "email"  # type: ignore[attr-defined]
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is found.timeout
        assert (again.args, again.stage) == (("after 60 s",), "email")
    assert repr(error) == "LLMTimeout('after 60 s')"
    assert str(error) == "after 60 s"


def test_the_same_contract_gives_the_same_made_up_class() -> None:
    holder = namespace(LLMConnectionError=TheirConnectionError)
    assert resolve(holder).timeout is resolve(holder).timeout


@pytest.mark.parametrize("cls", [ours.LLMTimeout, ours.LLMParseError, ours.GenerationCancelled])
def test_our_exceptions_pickle(cls: type[Exception]) -> None:
    again = pickle.loads(pickle.dumps(cls("why")))
    assert (type(again), again.args) == (cls, ("why",))


class Wanting(Exception):  # noqa: N818 - a contract's own name
    def __init__(self, message: str, *, model: str, timeout_s: float) -> None:
        super().__init__(message)
        self.known = (model, timeout_s)


class Silent(Exception):  # noqa: N818 - a contract's own name
    def __init__(self) -> None:
        super().__init__("always the same")


class Odd(Exception):  # noqa: N818 - a contract's own name
    def __init__(self, request: object, response: object) -> None: ...


def test_exceptions_with_arguments_of_their_own_are_made_where_we_know_what_goes_in() -> None:
    found = resolve(namespace(LLMTimeout=Wanting, GenerationCancelled=Silent))
    error = found.error(found.timeout, "late", model="m", timeout=60.0)
    assert isinstance(error, Wanting)
    assert (error.args, error.known) == (("late",), ("m", 60.0))
    assert str(found.error(found.cancelled, "stopped")) == "always the same"


# --- results ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DataResult:
    text: str
    success: bool
    model: str
    latency_ms: int
    extra: dict[str, Any]
    tokens: int = 7
    tags: list[str] = field(default_factory=list)


class TypedResult(TypedDict, total=False):
    success: bool
    text: str


class TupleResult(NamedTuple):
    success: bool
    text: str
    model: str = ""
    latency_ms: int = 0
    tokens: int = 7


class PydanticResult(pydantic.BaseModel):
    model_config = {"protected_namespaces": (), "extra": "forbid"}
    ok: bool = pydantic.Field(alias="success", default=True)
    success: bool
    text: str
    latency: int = pydantic.Field(default=0)
    latency_ms: int = pydantic.Field(alias="latencyMs")


@attrs.frozen
class AttrsResult:
    success: bool
    text: str
    extra: dict[str, Any] = attrs.field(factory=dict)
    tokens: int = 7


class PlainResult:
    def __init__(self, text: str, success: bool = True, **rest: Any) -> None:
        self.text, self.success, self.rest = text, success, rest


class BareResult:
    success: bool
    text: str


@pytest.mark.parametrize("cls", [DataResult, TupleResult, PydanticResult, AttrsResult, PlainResult, BareResult])
def test_results_of_every_kind_of_class_are_made(cls: type) -> None:
    made = resolve(namespace(LLMResult=cls)).result.make(VALUES)
    assert isinstance(made, cls)
    assert (made.success, made.text) == (True, "hi")  # type: ignore[attr-defined]


def test_a_typed_dict_is_a_dict_with_the_fields_that_it_knows() -> None:
    assert resolve(namespace(LLMResult=TypedResult)).result.make(VALUES) == {"success": True, "text": "hi"}


def test_extra_optional_fields_keep_their_defaults() -> None:
    assert resolve(namespace(LLMResult=DataResult)).result.make(VALUES).tokens == 7


class StructuralResult(Protocol):
    success: bool
    text: str


def test_a_result_that_is_only_a_protocol_is_met_by_ours() -> None:
    assert resolve(namespace(LLMResult=StructuralResult)).result.make(VALUES) == LLMResult(**VALUES)


def test_our_results_pickle_copy_and_print() -> None:
    result = LLMResult(**VALUES)
    assert pickle.loads(pickle.dumps(result)) == copy.deepcopy(result) == result
    expected = "LLMResult(success=True, text='hi', model='m', latency_ms=5, extra={'rc': 0})"
    assert repr(result) == expected


@dataclass
class NeedsMore:
    success: bool
    text: str
    tokens: int
    cost: float


@dataclass
class Answerless:
    reply: str = ""


class Refusing(pydantic.BaseModel):
    narrative_text: int


def test_every_misfit_is_named_at_once() -> None:
    bad = namespace(
        LLMResult=NeedsMore, LLMResponse=Answerless, LLMTimeout=Odd, LLMParseError=int, LLMBackend="no class"
    )
    with pytest.raises(ContractMisfitError) as caught:
        resolve(bad)
    for part in (
        "'tokens'",
        "'cost'",
        "no field 'narrative_text'",
        "'request', 'response'",
        "int: it is no",
        "not a class",
    ):
        assert part in str(caught.value)


def test_a_validator_that_refuses_what_we_would_give_is_a_misfit_at_once() -> None:
    with pytest.raises(ContractMisfitError, match="Refusing: cannot be made from narrative_text='text'"):
        resolve(namespace(LLMResponse=Refusing))
