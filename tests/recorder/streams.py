"""What providers stream, in their own forms: one text in pieces, as bytes, one item for each event."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from zlib import crc32


def sse(*documents: object, event: str = "") -> list[bytes]:
    named = f"event: {event}\n" if event else ""
    return [f"{named}data: {json.dumps(one)}\n\n".encode() for one in documents]


def openai_chat(texts: Sequence[str]) -> list[bytes]:
    head = {"id": "chatcmpl-B9xTq2", "object": "chat.completion.chunk", "model": "gpt-4o-mini", "created": 1}
    deltas: list[dict[str, object]] = [{"role": "assistant", "content": ""}, *({"content": text} for text in texts), {}]
    documents = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return [*sse(*documents), b"data: [DONE]\n\n"]


def openai_tool(texts: Sequence[str]) -> list[bytes]:
    calls: list[dict[str, object]] = [
        {"index": 0, "id": "call_x7", "function": {"name": "put", "arguments": ""}},
        *({"index": 0, "function": {"arguments": text}} for text in texts),
    ]
    return sse(*({"id": "c-1", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls))


def openai_logprobs(texts: Sequence[str]) -> list[bytes]:
    tokens = [[{"token": text, "bytes": None} for text in texts[at : at + 2]] for at in range(0, len(texts), 2)]
    return sse(*({"choices": [{"index": 0, "logprobs": {"content": pair}}]} for pair in tokens))


def openai_responses(texts: Sequence[str]) -> list[bytes]:
    kind = "response.output_text.delta"
    return [
        one
        for number, text in enumerate(texts)
        for one in sse(
            {"type": kind, "sequence_number": number, "item_id": "msg_1", "output_index": 0, "content_index": 0,
             "delta": text}, event=kind,
        )
    ]  # fmt: skip


def anthropic(texts: Sequence[str]) -> list[bytes]:
    return _anthropic(({"type": "text_delta", "text": text} for text in texts), {"type": "text", "text": ""})


def anthropic_tool(texts: Sequence[str]) -> list[bytes]:
    deltas = ({"type": "input_json_delta", "partial_json": text} for text in texts)
    return _anthropic(deltas, {"type": "tool_use", "id": "toolu_1", "name": "put", "input": {}})


def _anthropic(deltas: object, block: object) -> list[bytes]:
    begins = [
        *sse({"type": "message_start", "message": {"id": "msg_01Ab", "content": []}}, event="message_start"),
        *sse({"type": "content_block_start", "index": 0, "content_block": block}, event="content_block_start"),
    ]
    kind = "content_block_delta"
    return begins + [one for d in deltas for one in sse({"type": kind, "index": 0, "delta": d}, event=kind)]  # type: ignore[attr-defined]


def gemini(texts: Sequence[str]) -> list[bytes]:
    return sse(*map(_candidate, texts))


def gemini_list(texts: Sequence[str]) -> list[bytes]:
    items = [json.dumps(_candidate(text), indent=2) for text in texts]
    return [f"{',' if at else '['}\r\n{item}".encode() for at, item in enumerate(items)] + [b"\n]\n"]


def _candidate(text: str) -> dict[str, object]:
    content = {"parts": [{"text": text}], "role": "model"}
    return {"candidates": [{"content": content, "index": 0}], "modelVersion": "gemini-2.0-flash"}


def ollama(texts: Sequence[str]) -> list[bytes]:
    return [json.dumps({"model": "m", "message": {"content": text}, "done": False}).encode() + b"\n" for text in texts]


def cohere(texts: Sequence[str]) -> list[bytes]:
    return sse(*({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": t}}}} for t in texts))


def bedrock_converse(texts: Sequence[str]) -> list[bytes]:
    return [
        _message(json.dumps({"contentBlockIndex": 0, "delta": {"text": text}, "p": "abcde"}).encode()) for text in texts
    ]


def bedrock_invoke(texts: Sequence[str]) -> list[bytes]:
    said = [json.dumps({"type": "content_block_delta", "delta": {"text": text}}).encode() for text in texts]
    return [_message(b'{"bytes":"' + base64.b64encode(one) + b'"}') for one in said]


def _message(payload: bytes) -> bytes:
    headers = b"\x0b:event-type\x07\x00\x05chunk"
    lengths = (16 + len(headers) + len(payload)).to_bytes(4) + len(headers).to_bytes(4)
    data = lengths + crc32(lengths).to_bytes(4) + headers + payload
    return data + crc32(data).to_bytes(4)


def whole_with_logprobs(texts: Sequence[str]) -> list[bytes]:
    """Not a stream: one document, longer than anything that waits, arriving in pieces."""
    tokens = [{"token": text, "logprob": -0.1, "top_logprobs": []} for text in texts]
    choice = {"index": 0, "message": {"content": "word " * 1200}, "logprobs": {"content": tokens}}
    data = json.dumps({"id": "c-1", "choices": [choice]}).encode()
    return [data[at : at + 701] for at in range(0, len(data), 701)]


STREAMS: dict[str, Callable[[Sequence[str]], list[bytes]]] = {
    one.__name__: one
    for one in (
        openai_chat, openai_tool, openai_logprobs, openai_responses, anthropic, anthropic_tool, gemini, gemini_list,
        ollama, cohere, bedrock_converse, bedrock_invoke, whole_with_logprobs,
    )
}  # fmt: skip
