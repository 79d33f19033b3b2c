"""Matching: canonical requests and prompts, their keys, redaction, and the nearest miss."""

from harness.matching._answer_stream import AnswerRedactor, Fill
from harness.matching._fit import refuse_secrets, suspects
from harness.matching._keys import key, operation_key
from harness.matching._kinds import constant
from harness.matching._leaks import Leak
from harness.matching._nearest import nearest
from harness.matching._paths import parse_path, values_at
from harness.matching._prompts import nearest_prompt, same_prompt
from harness.matching._redaction import Redaction
from harness.matching._rules import Ignore, Rules
from harness.matching._stream import Piece, StreamRedactor

__all__ = [
    "AnswerRedactor",
    "Fill",
    "Ignore",
    "Leak",
    "Piece",
    "Redaction",
    "Rules",
    "StreamRedactor",
    "constant",
    "key",
    "nearest",
    "nearest_prompt",
    "operation_key",
    "parse_path",
    "refuse_secrets",
    "same_prompt",
    "suspects",
    "values_at",
]
