"""A promise of the contract: its id, which group it belongs to, and how it is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.testing._bench import Bench

Group = Literal["prompt", "chat", "waiting", "async"]
Trial = Callable[[Bench], str | None]


@dataclass(frozen=True, slots=True)
class Promise:
    """`trial` returns None where the promise is kept, else what was seen. It judges nothing but its own promise: where
    its premise does not hold, another promise says so."""

    id: str
    group: Group
    says: str
    trial: Trial


class Promises(list[Promise]):
    """The promises of one file, in order."""

    def promise(self, id_: str, group: Group) -> Callable[[Trial], Trial]:
        """Add the decorated trial; its docstring is what the promise says."""

        def add(trial: Trial) -> Trial:
            self.append(Promise(id_, group, " ".join((trial.__doc__ or "").split()), trial))
            return trial

        return add
