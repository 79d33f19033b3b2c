"""Sink: loopback HTTP, for other languages and other processes. The same sources and faults as everywhere, on a clock
that really waits, because virtual time cannot cross a socket.

`Server` lives on an event loop of yours, `ServerThread` brings one. What it answers beside the model's paths:
`/` (a sign of life) and the control endpoints under `/__harness__/`, which `_control.py` lists.
"""

from harness.server._catalogue import Catalogue
from harness.server._limits import Limits
from harness.server._served import Served, Sessions
from harness.server._server import Server, is_loopback
from harness.server._thread import ServerThread

__all__ = ["Catalogue", "Limits", "Served", "Server", "ServerThread", "Sessions", "is_loopback"]
