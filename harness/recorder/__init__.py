"""Sessions that may write: a record mode over a cassette on disk, and a journal of what was heard until it is there."""

from harness.recorder._recorder import Recorder, failed_path, forget
from harness.recorder._recover import Recovered, orphans, recover

__all__ = ["Recorder", "Recovered", "failed_path", "forget", "orphans", "recover"]
