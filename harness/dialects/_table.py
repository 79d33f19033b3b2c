"""Which dialect is this? The table of those built in, and what can be asked without knowing which one it is."""

from __future__ import annotations

from harness.spec import Dialect

BUILT_IN: tuple[Dialect, ...] = ()
