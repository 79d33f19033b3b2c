"""Keys: two requests with the same key are the same request."""

from __future__ import annotations

from hashlib import blake2b

from harness.matching._canonical import canonical_body, canonical_url
from harness.matching._rules import Rules
from harness.model import Request
from harness.spec import Operation

KEY_SIZE = 16  # bytes; two of a billion requests collide with a chance of 1 in 10**20


def key(request: Request, rules: Rules) -> bytes:
    """The key of `request`: method, canonical URL and canonical body, redacted. No header takes part."""
    return _digest(request, "url", canonical_url(request.url, rules.redaction), rules)


def operation_key(request: Request, operation: Operation, rules: Rules) -> bytes:
    """The same with `operation` (and the model, where the path carries it) in place of the URL.

    Another base URL, region or proxy, or a query that the SDK stopped sending, is then no difference.
    """
    return _digest(request, "operation", f"{operation.dialect}\0{operation.name}\0{operation.model}", rules)


def _digest(request: Request, what: str, place: str, rules: Rules) -> bytes:
    body = canonical_body(request.body, rules)
    head = f"{request.method.upper()}\0{what}\0{place}\0{body.kind}\0"
    digest = blake2b(head.encode("utf-8", "surrogatepass"), digest_size=KEY_SIZE)
    digest.update(body.data)
    return digest.digest()
