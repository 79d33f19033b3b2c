import pytest

from harness.model import Locator


@pytest.mark.parametrize(
    "text",
    ["call=1", "call=*/chunk=3", "call=2/attempt=*/headers", "call=plan/chunk=-1", "call=1/connect", "t=12s",
     "call=3/attempt=2/event=content_block_delta[4]", "call=1/token=*", "call=1/end", "call=1/byte=10"],
)  # fmt: skip
def test_a_place_prints_as_it_was_read(text: str) -> None:
    assert str(Locator.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "call=", "chunk=3", "call=1/chunk", "call=1/chunk=0", "call=1/chunk=x", "call=1/here", "t=", "call=1/end/x"],
)
def test_what_is_no_place_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="A place reads call=1"):
        Locator.parse(text)


def test_a_call_means_its_first_attempt() -> None:
    assert Locator.parse("call=1").meets(1, 1)
    assert not Locator.parse("call=1").meets(1, 2)
    assert Locator.parse("call=*/attempt=*").meets(7, 3)
    assert Locator.parse("call=plan").meets(2, 1, "plan")
