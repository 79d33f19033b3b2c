"""The driver's own contract as a sink: a backend that answers from a session and never from a model, and one that
writes down what another one does."""

from harness.backends._health import health_apart
from harness.backends._recording import RecordingBackend
from harness.backends._replay import ReplayBackend
from harness.backends._session_line import Opened

__all__ = ["Opened", "RecordingBackend", "ReplayBackend", "health_apart"]
