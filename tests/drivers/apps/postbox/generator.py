"""The generator: a request goes in, an e-mail goes out, and whatever happens on the way has a stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from postbox.breaker import CircuitBreaker, CircuitOpen
from postbox.llm import LLMBackend, LLMTimeout
from postbox.parse import Email, NotAnEmail, parse

PROMPT = """\
Write a short e-mail to {recipient} about {topic}.
The first line is "Subject: <subject>", then a blank line, then the text of the e-mail.
Write nothing else."""


class DeliveryFailed(Exception):  # noqa: N818 - the application's own name
    """The mail server did not take it."""


@dataclass(frozen=True)
class Outcome:
    stage: str
    status: str
    email: Email | None = None
    detail: str = ""

    def __str__(self) -> str:
        lines = [f"{self.stage}: {self.status}" + (f" ({self.detail})" if self.detail else "")]
        if self.email is not None:
            lines += [f"  subject: {self.email.subject}"]
            lines += [f"  | {line}" for line in self.email.body.splitlines()]
            lines += [f"  repair: {repair}" for repair in self.email.repairs]
        return "\n".join(lines)


class EmailGenerator:
    def __init__(
        self, backend: LLMBackend, deliver: Callable[[str, Email], None], breaker: CircuitBreaker | None = None
    ) -> None:
        self.backend, self.deliver = backend, deliver
        self.breaker = breaker or CircuitBreaker()

    async def send(self, recipient: str, topic: str) -> Outcome:
        try:
            self.breaker.check()
            result = await self.backend.generate(PROMPT.format(recipient=recipient, topic=topic))
        except CircuitOpen as error:
            return Outcome("ask", "not asked", detail=str(error))
        except LLMTimeout:
            return self._failed("timed out", f"after {self.backend.timeout:g} s")
        except OSError as error:
            return self._failed("unreachable", type(error).__name__)
        if not result.success:
            known = ", ".join(f"{name}={value}" for name, value in sorted(result.extra.items()))
            return self._failed("nothing usable", known)
        self.breaker.succeeded()
        return self._deliver(recipient, result.text)

    def _failed(self, status: str, detail: str) -> Outcome:
        self.breaker.failed()
        return Outcome("generate", status, detail=detail)

    def _deliver(self, recipient: str, text: str) -> Outcome:
        try:
            email = parse(text)
        except NotAnEmail as error:
            return Outcome("parse", "no e-mail", detail=str(error))
        try:
            self.deliver(recipient, email)
        except DeliveryFailed as error:
            return Outcome("deliver", "not delivered", email, str(error))
        return Outcome("deliver", "sent", email)
