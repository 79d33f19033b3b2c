"""The connect family: what goes wrong before a byte of the request has gone out.

None of it has a form above a socket but the exception that httpcore makes of it, so that is what the timeline says. The
texts are those of a sync client on Linux; an async one says `All connection attempts failed` instead of the first two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harness.faults._breaking import CLOSED, RESET
from harness.faults._fault import BuiltIn
from harness.faults._params import Values, finite, text, word
from harness.faults._where import CONNECT
from harness.model import NEVER, ZERO, Phase, Reset, TimedOut, Timeline
from harness.spec import Asked, FaultSite

_CERTIFICATES: Final = {
    "self-signed": "self-signed certificate",
    "expired": "certificate has expired",
    "unknown-issuer": "unable to get local issuer certificate",
    "wrong-host": "Hostname mismatch, certificate is not valid for 'other.example'.",
}
"""OpenSSL's words, by what is wrong: `X509_verify_cert_error_string`."""


def _fails(error: str, message: str) -> Callable[[Timeline, FaultSite, Values, Asked], Timeline]:
    """No connection, at once: `error` is httpcore's name for it."""

    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del timeline, site, values, asked
        return Timeline.failed(Reset(error, message))

    return effect


def _silence(phase: Phase) -> Callable[[Timeline, FaultSite, Values, Asked], Timeline]:
    """Nothing, until the caller's own timeout of this phase strikes; for ever where it has none."""

    def effect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
        del timeline, site, values, asked
        return Timeline.failed(TimedOut(phase), at=NEVER)

    return effect


def _dns(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del timeline, site, asked
    # getaddrinfo names no host; one that is given stands where a resolver library would put it.
    host = f" ({values['host']})" if values["host"] else ""
    return Timeline.failed(Reset("ConnectError", f"[Errno -2] Name or service not known{host}"))


def _certificate(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del timeline, site, asked
    why = _CERTIFICATES[values["reason"]]
    said = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {why} (_ssl.c:1006)"
    return Timeline.failed(Reset("ConnectError", said))


def _slow_connect(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    """Later by `for`; the caller's own connect timeout strikes where that is longer, which only the engine can know."""
    del site, asked
    return timeline.connected_after(values["for"])


def _race(timeline: Timeline, site: FaultSite, values: Values, asked: Asked) -> Timeline:
    del timeline, site, asked
    if values["how"] == "rst":
        return Timeline.failed(RESET, at=ZERO)
    return Timeline.failed(CLOSED, at=ZERO)


def connect_faults() -> tuple[BuiltIn, ...]:
    """All of this family."""

    def fault(name: str, about: str, effect: Callable[[Timeline, FaultSite, Values, Asked], Timeline]) -> BuiltIn:
        return BuiltIn(name=name, phase="connect", about=about, effect=effect, place=CONNECT)

    return (
        fault("connect-refused", "nobody listens there", _fails("ConnectError", "[Errno 111] Connection refused")),
        fault("net-unreachable", "no way there", _fails("ConnectError", "[Errno 101] Network is unreachable")),
        BuiltIn(
            name="dns-failure",
            phase="connect",
            about="the host has no address",
            effect=_dns,
            place=CONNECT,
            takes={"host": text("", "a host to name in the error, which resolvers do not do")},
        ),
        fault("connect-timeout", "nothing answers until the caller's connect timeout strikes", _silence("connect")),
        BuiltIn(
            name="connect-latency",
            phase="connect",
            about="the connection takes its time",
            effect=_slow_connect,
            place=CONNECT,
            takes={"for": finite("1s")},
        ),
        BuiltIn(
            name="tls-cert-invalid",
            phase="connect",
            about="the certificate of the server is not accepted",
            effect=_certificate,
            place=CONNECT,
            takes={"reason": word("self-signed", *_CERTIFICATES)},
        ),
        fault("tls-handshake-timeout", "the server says nothing to the TLS client hello", _silence("connect")),
        fault(
            "tls-eof",
            "the server hangs up during the TLS handshake",
            _fails(
                "ConnectError",
                "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1006)",
            ),
        ),
        BuiltIn(
            name="keepalive-race",
            phase="connect",
            about="the server closes an idle connection just as the next request arrives on it",
            effect=_race,
            place=CONNECT,
            takes={"how": word("fin", "fin", "rst")},
        ),
        fault("pool-timeout", "every connection of the client's pool is busy", _silence("pool")),
    )
