"""Names for what is kept beside a cassette and is not it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKED: Final = ".gz"


def aside(path: Path, word: str) -> Path:
    """`refund.yaml` and `failed` become `refund.failed.yaml`; a file that is packed stays packed."""
    packed = _PACKED if path.suffix == _PACKED else ""
    plain = path.with_name(path.name.removesuffix(packed))
    return path.with_name(f"{plain.stem}.{word}{plain.suffix}{packed}")
