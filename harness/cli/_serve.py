"""`harness serve FILE`: a scenario or a cassette over HTTP, for other languages and other processes."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import harness
from harness.cli._exit import Exit
from harness.errors import CassetteNotFoundError, SessionError
from harness.model import as_seconds, parse_duration
from harness.server import Server
from harness.session import Serving

_TOKEN = "HARNESS_TOKEN"  # noqa: S105 - the name of a variable
_NEW_OBJECTS = 20_000
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a scenario or a cassette")
    parser.add_argument("--case", metavar="ID", help="the case of the scenario")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="CASE", help="a fault, such as call=2/chunk=5/kind=reset"
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; beyond loopback only with a token")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free one")
    parser.add_argument("--rate", type=float, default=1.0, metavar="N", help="play N times as fast as it is written")
    parser.add_argument("--token", help=f"what clients send as their API key; else {_TOKEN}, which `ps` does not show")
    parser.add_argument("--grace", default="5s", metavar="TIME", help="how long answers may go on when it is stopped")
    parser.add_argument("--for", dest="length", metavar="TIME", help="stop by itself after that long")


def run(args: argparse.Namespace) -> Exit:
    """Serve until a signal comes: SIGINT and SIGTERM let answers end, a second one does not wait for that. 3 where
    something was asked that the source has no answer for. Raises what `harness.serve` raises."""
    if not args.file.exists():
        message = f"{args.file}: there is no such file"
        raise CassetteNotFoundError(message)
    try:
        length_s = as_seconds(parse_duration(args.length)) if args.length else None
        grace_s = as_seconds(parse_duration(args.grace))
        serving = harness.serve(
            args.file,
            args.case,
            host=args.host,
            port=args.port,
            rate=args.rate,
            token=args.token or os.environ.get(_TOKEN),
            faults=args.fault,
            unplayed="ignore",
        )
    except (ValueError, SessionError) as error:
        print(f"harness: {error}", file=sys.stderr)
        return Exit.USAGE
    try:
        with _seldom_collected():
            asyncio.run(_serve(serving, length_s, grace_s, as_json=args.json))
    except OSError as error:
        print(f"harness: {args.host}:{args.port} cannot be listened on: {error.strerror or error}", file=sys.stderr)
        return Exit.USAGE
    return _told(serving, as_json=args.json)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """The history holds all that it was given, so the collector would look again and again at what will never go: a
    sixth of what a request costs."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _serve(serving: Serving, length_s: float | None, grace_s: float, *, as_json: bool) -> None:
    server, loop = serving.server, asyncio.get_running_loop()
    stopping, at_once = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        (at_once if stopping.is_set() else stopping).set()

    # Where there are none (Windows, or not the main thread) an interrupt ends it the short way.
    with suppress(NotImplementedError, RuntimeError):
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop)
    await server.start()
    _announce(server, as_json=as_json)
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), length_s)
    stopping.set()
    ending = asyncio.create_task(server.stop(grace_s))
    hurry = asyncio.create_task(at_once.wait())
    await asyncio.wait({ending, hurry}, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    if not ending.done():
        ending.cancel()
        await server.stop()
    with suppress(NotImplementedError, RuntimeError):
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _announce(server: Server, *, as_json: bool) -> None:
    """One line, at once: whoever started this waits for the URL."""
    name = server.sessions.common.name
    print(json.dumps({"url": server.url, "source": name}) if as_json else f"{server.url}  {name}", flush=True)


def _told(serving: Serving, *, as_json: bool) -> Exit:
    misses = [str(miss) for miss in serving.misses]
    asked = sum(len(session.history) for session in serving.server.sessions.open)
    code = Exit.MISS if misses else Exit.FINE
    if as_json:
        print(json.dumps({"asked": asked, "misses": misses, "exit": int(code)}))
    else:
        print(f"asked {asked} times, {len(misses)} misses")
    for miss in misses:
        print(f"harness: {miss}", file=sys.stderr)
    return code
