"""Sessions that may write: a record mode over a cassette on disk."""

from harness.recorder._recorder import Recorder, failed_path

__all__ = ["Recorder", "failed_path"]
