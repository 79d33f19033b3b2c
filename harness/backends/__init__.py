"""The driver's own contract as a sink: a backend that answers from a session and never from a model."""

from harness.backends._replay import ReplayBackend
from harness.backends._session_line import Opened

__all__ = ["Opened", "ReplayBackend"]
