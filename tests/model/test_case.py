"""Cases: one grammar for reports, test ids and the command line."""

import pytest

from harness.model import Case, Strike


@pytest.mark.parametrize(
    "text",
    [
        "call=2/chunk=5/kind=reset",
        "call=1/kind=http-429-rate-limit,retry_after=20s,format=ms",
        "call=1/attempt=2/event=content_block_delta[4]/kind=reset-mid-stream",
        "call=*/chunk=-1/kind=stall,for=45s/persistent",
        "t=12s/kind=reset",
        "call=1/chunk=2/kind=reset + call=1/attempt=2/kind=http-500-server-error",
        "call=1/kind=slow-drip,rate=12,loud=true",
    ],
)
def test_a_case_prints_as_it_was_read(text: str) -> None:
    assert str(Case.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "call=1", "kind=reset", "call=1/kind=", "call=1/chunk=0/kind=reset", "call=1/kind=reset,for",
             "call=1/kind=reset + ", "call=1/kind=reset/always"]
)  # fmt: skip
def test_what_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        Case.parse(text)


def test_the_values_of_parameters_are_numbers_booleans_or_texts() -> None:
    params = dict(Strike.parse("call=1/kind=slow-drip,rate=12,share=0.5,loud=true,for=30s").params)
    assert params == {"rate": 12, "share": 0.5, "loud": True, "for": "30s"}
