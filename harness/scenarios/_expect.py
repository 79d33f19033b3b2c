"""What has to come of a run."""

from __future__ import annotations

from harness.scenarios._strict import Strict


class Expect(Strict):
    """What has to come of a run: nothing that can be said yet."""
