"""`harness show FILE`: a waterfall of the calls and chunks of a cassette."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from harness.cli._exit import Exit
from harness.cli._terminal import Terminal
from harness.cli._waterfall import ended, waterfall
from harness.dialects import recognise
from harness.model import PER_MILLISECOND, Cassette, Chunk, Interaction, Json, Nanos
from harness.storage import load


def configure(parser: argparse.ArgumentParser) -> None:
    """What this verb takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a cassette")
    parser.add_argument("--call", type=int, metavar="N", help="only the N-th call, counted from one")
    parser.add_argument("--full", action="store_true", help="prompts and answers in full length")


def run(args: argparse.Namespace) -> Exit:
    """Print the waterfall. Raises CassetteError where the file cannot be read."""
    cassette = load(args.file)
    chosen = _chosen(cassette, args.call)
    if chosen is None:
        print(f"harness: {args.file} has {len(cassette)} calls, there is no call {args.call}", file=sys.stderr)
        return Exit.USAGE
    if args.json:
        print(json.dumps([as_json(interaction) for interaction in chosen], ensure_ascii=False, indent=1))
        return Exit.FINE
    for line in waterfall(cassette, chosen, Terminal.here(), full=args.full):
        print(line)
    return Exit.FINE


def _chosen(cassette: Cassette, call: int | None) -> tuple[Interaction, ...] | None:
    if call is None:
        return cassette.interactions
    return cassette.interactions[call - 1 : call] if 0 < call <= len(cassette) else None


def as_json(interaction: Interaction) -> dict[str, Json]:
    """One call for machines. Times are milliseconds since the request was sent; a chunk is [time, bytes]."""
    timeline, prompt, reply = interaction.timeline, interaction.prompt, interaction.reply
    known = recognise(interaction.request)
    usage = reply.usage if reply else None
    return {
        "id": interaction.id,
        "method": interaction.request.method,
        "url": interaction.request.url,
        "operation": known[1].name if known else None,
        "model": prompt.model if prompt else None,
        "prompt": prompt.text if prompt else None,
        "status": timeline.head.status if timeline.head else None,
        "head_at_ms": _ms(timeline.events[0][0]) if timeline.head else None,
        "chunks": [[_ms(at), len(event.data)] for at, event in timeline.events if isinstance(event, Chunk)],
        "end": timeline.end,
        "end_at_ms": _ms(timeline.end_at),
        "ended": ended(timeline),
        "text": reply.text if reply else None,
        "tool_calls": [{"name": c.name, "arguments": c.arguments, "id": c.id} for c in reply.tool_calls]
        if reply
        else [],
        "finish": reply.finish if reply else None,
        "problem": reply.problem.kind if reply and reply.problem else None,
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens} if usage else None,
    }


def _ms(value: Nanos) -> float:
    return value / PER_MILLISECOND
