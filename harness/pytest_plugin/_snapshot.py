"""The snapshot of a transcript: syrupy's own file, with SDK objects as what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from syrupy.extensions.amber import AmberSnapshotExtension


class TranscriptExtension(AmberSnapshotExtension):
    """As amber, with models and dataclasses as their fields; a new and empty field of an SDK changes no snapshot."""

    def serialize(self, data: Any, **options: Any) -> str:
        """`data` as text. Raises ValueError where there is nothing to compare: an empty snapshot always holds."""
        if isinstance(data, str) and not data.strip():
            message = "the transcript is empty: nothing was asked, so this snapshot would hold for ever"
            raise ValueError(message)
        return super().serialize(plain(data), **options)


def plain(data: Any) -> Any:
    """`data` made of lists, dictionaries and scalars where it is a model or a dataclass, at every depth."""
    if hasattr(data, "model_dump"):
        return plain(data.model_dump(exclude_none=True))
    if is_dataclass(data) and not isinstance(data, type):
        return plain(asdict(data))
    if isinstance(data, Mapping):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple) and type(data) in {list, tuple}:
        return type(data)(plain(value) for value in data)
    return data
