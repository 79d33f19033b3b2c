"""Amazon Bedrock's InvokeModel: the model's own JSON, whole or as base64 in the `chunk` events of a binary stream.

Each maker has a form of its own, and an inference profile's ARN does not say whose model it is. So the answer says what
it is: the forms of Anthropic, OpenAI and Cohere are read by those dialects, Nova's is Converse with the names of the
events inside, and the small ones stand here.
Wire forms: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
Embeddings, rankings and images are plain HTTP.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from harness.dialects import _anthropic_prompt, _bedrock_prompt, _cohere_prompt, _openai_prompt
from harness.dialects import _bedrock_invoke_render as rendering
from harness.dialects._answer import FrameDecoder, frames_of
from harness.dialects._anthropic import MessageReader
from harness.dialects._asking import set_parameters
from harness.dialects._bedrock import EVENTS, MESSAGES, ConverseReader, model_path
from harness.dialects._bedrock_trouble import is_failure, problem_of
from harness.dialects._cohere import CohereReader
from harness.dialects._openai_chat import ChunkReader
from harness.dialects._trouble import failed
from harness.dialects._untyped import (
    MISSING,
    Object,
    as_count,
    as_list,
    as_object,
    as_text,
    dumped,
    excerpt,
    first,
    loaded,
    request_object,
)
from harness.model import (
    Delta,
    Finish,
    FinishReason,
    Head,
    Message,
    Problem,
    Prompt,
    Reply,
    Request,
    Spoken,
    Text,
    Unknown,
    Usage,
)
from harness.spec import Decoder, Operation

_PATH: Final = re.compile(r"/model/(.+)/(invoke|invoke-with-response-stream)$")
_STREAM: Final = "invoke-with-response-stream"
_NO_TEXT: Final = re.compile(r"embed|rerank|stability|image|canvas|reel|sonic", re.IGNORECASE)
_ASKS: Final = ("messages", "prompt", "inputText", "message")
_OURS: Final = {
    "maxTokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "max_tokens_to_sample": "max_tokens",
    "maxTokenCount": "max_tokens",
    "topP": "top_p",
    "stop": "stop_sequences",
    "stopSequences": "stop_sequences",
}
FINISH: Final[dict[str, FinishReason]] = {
    "FINISH": "stop",
    "FINISHED": "stop",
    "STOP_CRITERIA_MET": "stop",
    "endoftext": "stop",
    "stop": "stop",
    "stop_sequence": "stop",
    "LENGTH": "length",
    "length": "length",
    "max_tokens": "length",
    "CONTENT_FILTERED": "filter",
    "RAG_QUERY_WHEN_RAG_DISABLED": "error",
}
_COUNTS: Final = "amazon-bedrock-invocationMetrics"


class BedrockInvoke:
    """The dialect `bedrock-invoke`. It reads every maker's form, and writes those of Anthropic, Nova and OpenAI."""

    name = "bedrock-invoke"
    renders = True

    def operation(self, request: Request) -> Operation | None:
        """`bedrock.invoke` or `bedrock.invoke-with-response-stream`, with the model of the path."""
        found = model_path(_PATH, request)
        if not found or _NO_TEXT.search(found[0]):
            return None
        body = as_object(loaded(request.body))
        asks = any(name in body for name in _ASKS) and "embeddingConfig" not in body
        return Operation(self.name, f"bedrock.{found[1]}", found[0]) if asks else None

    def prompt(self, request: Request) -> Prompt:
        """The decoded request. Raises DialectError where the body is none of the known forms."""
        model, verb = model_path(_PATH, request) or ("", "")
        body = request_object(request, self.name)
        return replace(_prompt(request, body, model), model=model, stream=verb == _STREAM)

    def frames(self, head: Head, body: bytes) -> tuple[bytes, ...]:
        """One message of the event stream each, or the whole JSON."""
        return frames_of(head, body, MESSAGES)

    def decoder(self, request: Request, head: Head) -> Decoder:
        """A fresh decoder; the answer itself shows whose form it has."""
        del request
        return FrameDecoder(head, _Reader(head).read, MESSAGES)

    def encode(self, prompt: Prompt, base_url: str) -> Request:
        """`prompt` as a request in the form of its model's maker, without the signature that AWS demands."""
        return rendering.request_of(prompt, base_url)

    def render(self, reply: Reply, prompt: Prompt, said: Sequence[Spoken]) -> tuple[Head, tuple[bytes, ...]]:
        """`reply` in the form of the maker of the prompt's model, one chunk for each message."""
        return rendering.rendered(reply, prompt, said)


def _prompt(request: Request, body: Object, model: str) -> Prompt:
    if "message" in body:
        return _cohere_prompt.prompt_of(body, model)
    if not isinstance(body.get("messages"), list):
        return _one_text(body)
    if "anthropic_version" in body:
        return _anthropic_prompt.prompt_of(request)
    if "inferenceConfig" in body or "schemaVersion" in body:
        return _bedrock_prompt.prompt_of(body, model, stream=False)
    return _openai_prompt.prompt_of(request)


def _one_text(body: Object) -> Prompt:
    """Text that is completed, with Titan's parameters in a box of their own."""
    asked = as_text(first(body, "prompt", "inputText"))
    settings = {**body, **as_object(body.get("textGenerationConfig"))}
    for name in ("prompt", "inputText", "textGenerationConfig", "stream"):
        settings.pop(name, None)
    parameters = {_OURS.get(name, name): value for name, value in settings.items()}
    return Prompt((Message("user", asked),), parameters=set_parameters(parameters))


class _Reader:
    """Hands each frame to the reader whose form it has."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._anthropic = MessageReader(head)
        self._openai = ChunkReader(head)
        self._cohere = CohereReader(head)
        self._converse = ConverseReader(head)

    def read(self, event: str, value: object) -> list[Delta]:
        data = as_object(value)
        if failed(self._head) or is_failure(event):
            return [problem_of(data, self._head, event)]
        if event != "chunk":
            return self._one(data) if not event else [Unknown(event, dumped(value))]
        packed = _unpacked(as_text(data.get("bytes")))
        if packed is MISSING:
            return [Problem("malformed", f"a chunk holds no JSON in base64: {excerpt(dumped(value))}")]
        return self._one(as_object(packed))

    def _one(self, data: Object) -> list[Delta]:
        counts = as_object(data.pop(_COUNTS, None))
        return [*self._said(data), *_counted(counts, "inputTokenCount", "outputTokenCount")]

    def _said(self, data: Object) -> list[Delta]:
        kind = as_text(data.get("type"))
        named = next((name for name in EVENTS if name in data), "")
        if kind in {"message", "ping", "error"} or kind.startswith(("message_", "content_block")):
            return self._anthropic.read("", data)
        if named:
            return self._converse.event(named, as_object(data[named]))
        if isinstance(data.get("output"), dict) and "message" in as_object(data["output"]):
            return self._converse.read("", data)
        if isinstance(data.get("choices"), list) and "object" in data:  # none in a chunk that only counts
            return self._openai.read("", data)
        if data.keys() & {"generations", "is_finished", "event_type", "response_id", "generation_id"}:
            return self._cohere.read("", data)
        return list(_small(data))


def _unpacked(text: str) -> object:
    try:
        return loaded(b64decode(text, validate=True))
    except NotBase64:
        return MISSING


def _small(data: Object) -> Iterator[Delta]:
    """Titan, Llama, Mistral, DeepSeek, AI21's Jurassic, and Claude's older completions."""
    outputs = [as_object(item) for item in as_list(first(data, "results", "outputs", "completions", "choices"))]
    told = list(_outputs(outputs or [data]))
    yield from told or ([Unknown("", dumped(data))] if data and not _is_silent(data) else [])
    yield from _counted(data, "prompt_token_count", "generation_token_count")
    read = as_count(data.get("inputTextTokenCount"))
    written = as_count(first(outputs[0] if outputs else data, "tokenCount", "totalOutputTextTokenCount"))
    if read is not None or written is not None:
        yield Usage(read, written)


def _outputs(items: list[Object]) -> Iterator[Delta]:
    for place, item in enumerate(items):
        inner = as_object(item.get("data")) or as_object(item.get("message")) or item
        text = as_text(first(inner, "outputText", "generation", "text", "completion", "content"))
        if text:
            yield Text(text, place)
        ended = first(item, "completionReason", "stop_reason", "finish_reason", "finishReason")
        native = as_text(as_object(ended).get("reason")) or as_text(ended)
        if native:
            yield Finish(FINISH.get(native), native, place)


def _is_silent(data: Object) -> bool:
    return any(name in data for name in ("outputText", "generation", "completion", "outputs"))


def _counted(counts: Object, read: str, written: str) -> Iterator[Delta]:
    usage = Usage(as_count(counts.get(read)), as_count(counts.get(written)))
    if usage != Usage():
        yield usage
