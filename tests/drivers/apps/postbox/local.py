"""postbox's own way to a model: any server that speaks chat completions."""

from __future__ import annotations

import time

import httpx

from postbox.llm import LLMBackend, LLMResult, LLMTimeout


class LocalModel(LLMBackend):
    def __init__(self, base_url: str, model: str, timeout: float = 30.0) -> None:
        self.base_url, self.model, self.timeout = base_url, model, timeout

    async def generate(self, prompt: str) -> LLMResult:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": 160,
        }
        started = time.monotonic()
        try:
            async with httpx.AsyncClient(timeout=self.timeout) as client:
                answer = await client.post(f"{self.base_url}/chat/completions", json=body)
        except httpx.TimeoutException as error:
            message = f"{self.model} took longer than {self.timeout:g} s"
            raise LLMTimeout(message) from error
        latency_ms = round((time.monotonic() - started) * 1000)
        if answer.is_error:
            return LLMResult(False, "", self.model, latency_ms, {"status": answer.status_code})
        text = answer.json()["choices"][0]["message"]["content"]
        return LLMResult(bool(text.strip()), text, self.model, latency_ms)
