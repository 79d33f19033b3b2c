"""While many runs follow each other: no garbage that was there before is looked through, and all clients share one TLS
context. A client makes one each time it is constructed, reads every certificate authority for it (15 ms), and never
uses it here: no connection leaves a replay."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_tls_context(made: dict[str, ssl.SSLContext] | None = None) -> Iterator[None]:
    """Within the block the authorities are read once for each set of arguments, and not again; within all blocks that
    are given the same `made`, once."""
    real = ssl.create_default_context
    made = {} if made is None else made

    def cached(*args: Any, **keywords: Any) -> ssl.SSLContext:
        asked = repr((args, sorted(keywords.items())))
        if asked not in made:
            made[asked] = real(*args, **keywords)
        return made[asked]

    ssl.create_default_context = cached
    try:
        yield
    finally:
        ssl.create_default_context = real


@contextmanager
def quick(made: dict[str, ssl.SSLContext] | None = None, *, collects: bool = True) -> Iterator[None]:
    """While many runs follow each other: what is there already is no garbage, and clients share a TLS context; with
    `made`, all blocks that are given the same. Without `collects`, garbage that was there is kept for the block, which
    for a short one is cheaper by far than looking for it."""
    if collects:
        gc.collect()
    gc.freeze()
    automatic = gc.isenabled()
    gc.disable()  # every case collects by itself, once
    try:
        with one_tls_context(made):
            yield
    finally:
        gc.unfreeze()
        if automatic:
            gc.enable()
