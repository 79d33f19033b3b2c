"""A Timeline as the bytes of one HTTP/1.1 connection, and how that connection ends. Pure: whoever owns a socket, or
stands in for one, does what the steps say.

`Writer` turns one event at a time into steps, for playing on a clock; `steps` turns a whole timeline into timed ones.
"""

from harness.wire._script import TimedStep, steps
from harness.wire._steps import Close, Refuse, Send, Silence, Step
from harness.wire._writer import Writer

__all__ = ["Close", "Refuse", "Send", "Silence", "Step", "TimedStep", "Writer", "steps"]
