"""Bytes to meaning and back, pure: one file per wire dialect, and the framing below them.

A body is cut into frames (`frames`), a frame is read as Deltas (`deltas`), and their sum is a Reply (`decode`). Where a
dialect renders, the way back is `encode` for a Prompt and `render` for a Reply.
"""

from harness.dialects._bedrock_framing import EventStreamParser, event_message
from harness.dialects._besides import besides
from harness.dialects._framing import (
    Frame,
    FrameParser,
    JsonArrayParser,
    LineParser,
    SSEParser,
    WholeJson,
    split_json_array,
    split_ndjson,
    split_sse,
    sse_frame,
)
from harness.dialects._native import native_line, native_request
from harness.dialects._spelling import spelled
from harness.dialects._table import (
    BUILT_IN,
    MEANING,
    OLDER,
    decode,
    decoder,
    deltas,
    frames,
    get,
    prompt_of,
    recognise,
)

__all__ = [
    "BUILT_IN",
    "MEANING",
    "OLDER",
    "EventStreamParser",
    "Frame",
    "FrameParser",
    "JsonArrayParser",
    "LineParser",
    "SSEParser",
    "WholeJson",
    "besides",
    "decode",
    "decoder",
    "deltas",
    "event_message",
    "frames",
    "get",
    "native_line",
    "native_request",
    "prompt_of",
    "recognise",
    "spelled",
    "split_json_array",
    "split_ndjson",
    "split_sse",
    "sse_frame",
]
