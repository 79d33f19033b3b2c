"""What a user holds: replay, record, scenario, get_backend, and the Session that they open."""

from harness.session._open import get_backend, record, replay, replay_backend, scenario
from harness.session._session import Session

__all__ = ["Session", "get_backend", "record", "replay", "replay_backend", "scenario"]
