"""How a cassette looks on disk: vcrpy version 1 YAML with the times of every chunk. Reads widely, writes atomically."""

from harness.storage._check import Finding, Severity, check
from harness.storage._lazy import LazyCassette, open_lazily
from harness.storage._load import fingerprint, fingerprint_of, load, parse, read_bytes
from harness.storage._save import clear_unfinished, refuse_foreign_name, save
from harness.storage._write import dump

__all__ = [
    "Finding",
    "LazyCassette",
    "Severity",
    "check",
    "clear_unfinished",
    "dump",
    "fingerprint",
    "fingerprint_of",
    "load",
    "open_lazily",
    "parse",
    "read_bytes",
    "refuse_foreign_name",
    "save",
]
