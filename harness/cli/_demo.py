"""`harness demo`: record a live session, stop the model, replay it offline, show both side by side.

With the extra `demo` the model is a real one, embedded and on loopback.
Without it, or without a connection to fetch its weights, the recording of that same session that ships with the
package is replayed, and one line says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.cli import _demo_model as model
from harness.cli import _demo_weights as weights
from harness.cli._axis import duration
from harness.cli._exit import Exit
from harness.cli._side_by_side import Side, side_by_side
from harness.cli._terminal import Terminal
from harness.clock import WallClock
from harness.errors import HarnessError
from harness.model import Chunk, Interaction, Json, Nanos
from harness.session import Session, record, replay
from harness.storage import load

QUESTION: dict[str, Json] = {
    "model": model.ALIAS,
    "messages": [{"role": "user", "content": "Tell a very short story about a clock."}],
    "stream": True,
    "temperature": 0,
    "max_tokens": 64,
}
_PATH = "/v1/chat/completions"
_INSTALL = "pip install 'replay-harness[demo]'"
_PATIENCE_S = 120.0


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument("--yes", action="store_true", help=f"download the model without asking ({weights.ABOUT})")
    parser.add_argument("--offline", action="store_true", help="replay the recording that ships with the package")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the cassette; the file must not exist")


def run(args: argparse.Namespace) -> Exit:
    """Record, stop, replay, compare. Exit.SUBJECT_FAILED where a byte or a chunk differs."""
    if args.keep and args.keep.exists():
        print(f"harness: {args.keep} exists, and the demo overwrites nothing", file=sys.stderr)
        return Exit.USAGE
    say = _Narrator(quiet=args.json)
    path = _weights(args, say)
    with tempfile.TemporaryDirectory() as folder:
        cassette = args.keep or Path(folder) / "demo.yaml"
        live = _recorded(path, cassette, say) if path else _shipped(say)
        replayed = _replayed(live, say)
    if args.json:
        print(json.dumps(_as_json(live, replayed), indent=1))
    else:
        _show(live, replayed, args.keep)
    return Exit.FINE if _is_same(live, replayed) else Exit.SUBJECT_FAILED


@dataclass(frozen=True, slots=True)
class _Heard:
    """One session: what the client got, what the session remembers, and how long it took by the clock on the wall."""

    source: str
    url: str
    cassette: Path
    chunks: tuple[bytes, ...]
    interaction: Interaction
    transcript: str
    took: Nanos

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


@dataclass(frozen=True, slots=True)
class _Narrator:
    """Tells a person what is going on; a machine hears nothing but the JSON."""

    quiet: bool

    def __call__(self, step: str, text: str) -> None:
        if not self.quiet:
            print(f"{step:<8}{text}", flush=True)


# --- where the live session comes from -----------------------------------------------------------------------------


def _weights(args: argparse.Namespace, say: _Narrator) -> Path | None:
    """The weights of the model, or None where there can be no live session here; the reason was said then."""
    if args.offline:
        say("model", "none, as --offline asks: the recording of this session that ships with the package is used")
        return None
    if not model.is_installed():
        say("model", f"none here ({_INSTALL} brings one): the recording that ships with the package is used")
        return None
    found = weights.cached()
    if found:
        return found
    if not (args.yes or _agreed()):
        say("model", f"not downloaded (--yes fetches {weights.ABOUT}): the shipped recording is used")
        return None
    try:
        return weights.fetch()
    except (weights.WeightsError, OSError) as error:
        say("model", f"not to be had ({error}): the recording that ships with the package is used")
        return None


def _agreed() -> bool:
    """Ask the person at the terminal; where there is none, nobody agreed."""
    if not sys.stdin.isatty():
        return False
    print(f"Download a model once into your cache ({weights.ABOUT})? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _recorded(path: Path, cassette: Path, say: _Narrator) -> _Heard:
    """A live session over real HTTP, recorded; the model is gone afterwards."""
    with model.running(path) as base_url:
        say("model", f"{weights.FILE} answers at {base_url}")
        heard = _session(record(cassette, mode="once"), f"live, {model.ALIAS}", f"{base_url}{_PATH}", cassette)
    say("record", f"{_size(heard)} in {duration(heard.took)}")
    if not model.is_gone(base_url):
        message = f"the model still answers at {base_url} after it was stopped: the replay would prove nothing"
        raise HarnessError(message)
    say("stop", f"the model is gone, {base_url} refuses connections")
    return heard


def _shipped(say: _Narrator) -> _Heard:
    """The recording of that same session which ships with the package."""
    cassette = shipped_cassette()
    interaction = load(cassette).interactions[0]
    timeline = interaction.timeline
    live = _Heard(
        "recorded live, shipped",
        interaction.request.url,
        cassette,
        timeline.chunks,
        interaction,
        "",
        timeline.end_at,
    )
    say("record", f"{_size(live)} in {duration(live.took)}, when it was recorded")
    return live


def shipped_cassette() -> Path:
    """Where the demo's own recording is: beside this file in an installed package, in `cassettes/` in a checkout."""
    here = Path(__file__)
    beside = here.with_name("demo.yaml")
    return beside if beside.exists() else here.parent.parent.parent / "cassettes" / "demo.yaml"


# --- one session ---------------------------------------------------------------------------------------------------


def _session(session: Session, source: str, url: str, cassette: Path) -> _Heard:
    """Ask the one question within `session`, with a plain httpx client that knows nothing of any of this."""
    wall = WallClock()
    start = wall.now()
    with session:
        chunks = _ask(url)
    took = Nanos(wall.now() - start)
    entry = session.history[0]
    return _Heard(source, url, cassette, chunks, Interaction(entry.request, entry.timeline), session.transcript(), took)


def _ask(url: str) -> tuple[bytes, ...]:
    # trust_env: a proxy of the environment has nothing to do with a model on loopback
    with (
        httpx.Client(trust_env=False, timeout=_PATIENCE_S) as client,
        client.stream("POST", url, json=QUESTION) as response,
    ):
        response.raise_for_status()
        return tuple(response.iter_raw())


def _replayed(live: _Heard, say: _Narrator) -> _Heard:
    heard = _session(replay(live.cassette), "replayed, offline", live.url, live.cassette)
    virtual = duration(heard.interaction.timeline.end_at)
    say("replay", f"{_size(heard)} in {duration(heard.took)}, with no network ({virtual} on the virtual clock)")
    return heard


# --- the verdict ---------------------------------------------------------------------------------------------------


def _is_same(live: _Heard, replayed: _Heard) -> bool:
    return live.chunks == replayed.chunks


def _size(heard: _Heard) -> str:
    return f"{len(heard.chunks)} chunks, {len(heard.body):,} bytes"


def _show(live: _Heard, replayed: _Heard, kept: Path | None) -> None:
    terminal = Terminal.here()
    print()
    left = Side(live.source, live.transcript or "what was heard then stands below", live.interaction)
    right = Side(replayed.source, replayed.transcript, replayed.interaction)
    for line in side_by_side(left, right, terminal):
        print(line)
    print()
    print(_verdict(live, replayed, terminal))
    if kept:
        print(f"The cassette is {kept}; look at it with: harness show {kept}")


def _verdict(live: _Heard, replayed: _Heard, terminal: Terminal) -> str:
    times = f"live {duration(live.took)}, replayed {duration(replayed.took)}"
    if _is_same(live, replayed):
        same = f"identical: {len(live.chunks)} of {len(live.chunks)} chunks, {len(live.body):,} bytes"
        return f"{terminal.paint(same, 'good')}; {times}"
    equal = sum(a == b for a, b in zip(live.chunks, replayed.chunks, strict=False))
    return f"{terminal.paint(f'different: {equal} of {len(live.chunks)} chunks are equal', 'bad')}; {times}"


def _as_json(live: _Heard, replayed: _Heard) -> dict[str, Json]:
    return {
        "identical": _is_same(live, replayed),
        "live": live.source.startswith("live"),
        "chunks": len(live.chunks),
        "bytes": len(live.body),
        "live_ms": live.took / 1e6,
        "replay_ms": replayed.took / 1e6,
        "chunk_bytes": [len(chunk) for chunk in live.chunks],
        "chunk_at_ms": [at / 1e6 for at, event in live.interaction.timeline.events if isinstance(event, Chunk)],
        "transcript": replayed.transcript,
    }
