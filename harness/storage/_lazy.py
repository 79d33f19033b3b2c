"""A large cassette that is opened and not read: each interaction is parsed when it is asked for.

Rules:

1. What an interaction is, a parse of the whole file decides. Where one does not parse on its own (an alias to another
   item, a mistake), the whole file is read, and from then on answers.
2. A request is read without its answer only where the item is laid out plainly, and when the whole interaction is read
   it is compared with it: a file that reads differently in parts is an error, never a wrong answer.
3. The file stays open, so that one that is replaced meanwhile does not change what is played. Nothing is written.
4. What is not read is not checked: a mistake far behind shows when it is reached. `harness check` reads everything.
"""

from __future__ import annotations

import _thread
import os
import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Final, TypeVar, overload

from harness.errors import CassetteError
from harness.model import Cassette, Interaction, Request
from harness.storage._limits import BYTES_MAX
from harness.storage._load import load, parse
from harness.storage._read import read_item
from harness.storage._read_request import read_request
from harness.storage._scan import Scan, scan
from harness.storage._trouble import Unreadable
from harness.storage._values import Mapping
from harness.storage._yaml_read import read_yaml

T = TypeVar("T")
LARGE: Final = 2**20
"""From here on a file is opened lazily. A smaller one is parsed in some hundredths of a second, and checked whole."""

_RECENT_MAX: Final = 4
_REQUEST: Final = b"- request:\n"
_RESPONSE: Final = b"\n  response:\n"
_KEY: Final = re.compile(rb"\n  [^ \n]")
_LAYOUT: Final = re.compile(
    rb"\n    timeline: \{v: 1, unit: ms, headers_at: \d+, chunks: [\d+ ']*, end: [a-z]+, end_ms: \d+"
    rb"(?:, layout: [a-z]+)?(?:, request_layout: (?P<layout>[a-z]+))?\}\n"
)
_MENTIONS_LAYOUT: Final = b"request_layout"


def open_lazily(path: str | os.PathLike[str], *, name: str | None = None) -> Cassette | LazyCassette:
    """The cassette at `path`, parsed item by item as it is used where it is large and laid out plainly; else as `load`
    gives it. Raises what `load` raises."""
    called = name if name is not None else os.fspath(path)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return load(path, name=called)  # it knows what to say
    found = _plain(handle)
    if found is None:
        os.close(handle)
        return load(path, name=called)
    return LazyCassette(handle, found, called)


def _plain(handle: int) -> Scan | None:
    if not LARGE <= os.fstat(handle).st_size <= BYTES_MAX:
        return None
    with open(handle, "rb", buffering=0, closefd=False) as file:
        found = scan(file)
    try:
        rest = read_yaml(found.rest) if found is not None else None
    except Unreadable:
        return None
    if not isinstance(rest, dict) or rest.get("interactions", "") is not None or rest.get("version") is None:
        return None
    return None if rest.get("unanswered") else found


class LazyCassette:
    """What a Cassette offers to a source: `name`, `notes`, a length, and `interactions` and `requests` to index."""

    notes: tuple[str, ...] = ()

    def __init__(self, handle: int, found: Scan, name: str) -> None:
        self.name = name
        self._handle = handle  # and no file object: one that is collected in a circle warns
        self._starts = found.starts
        self._lock = _thread.allocate_lock()  # a real one, whatever window of virtual time is open
        self._seen: dict[int, bytes] = {}
        self._whole: Cassette | None = None
        self._recent: dict[int, Interaction] = {}

    def __len__(self) -> int:
        return len(self._starts) - 1 if self._whole is None else len(self._whole)

    def __iter__(self) -> Iterator[Interaction]:
        place = 0
        while place < len(self):
            yield self.interaction(place)
            place += 1

    def __del__(self) -> None:
        os.close(self._handle)

    @property
    def interactions(self) -> Sequence[Interaction]:
        """All of them, each parsed when it is indexed."""
        return _View(self.__len__, self.interaction)

    @property
    def requests(self) -> Sequence[Request]:
        """All requests, parsed without their answers where that can be told."""
        return _View(self.__len__, self.request)

    def interaction(self, place: int) -> Interaction:
        """The interaction at `place`, from zero. Raises CassetteError where it cannot be read."""
        recent = self._recent.pop(place, None)
        if recent is not None:
            self._recent[place] = recent
            return recent
        if self._whole is None:
            try:
                return self._kept(place, self._checked(place, read_item(_item(self._bytes(place)), place + 1)))
            except Unreadable:
                self._whole = self._parsed()
        if place >= len(self._whole):
            raise self._differs(place)
        return self._checked(place, self._whole.interactions[place])

    def request(self, place: int) -> Request:
        """The request at `place`, from zero, without its answer where that can be told. Raises CassetteError."""
        found = _request_alone(self._bytes(place)) if self._whole is None else None
        if found is None:
            return self.interaction(place).request
        self._seen[place] = _digest(found)
        return found

    def _kept(self, place: int, found: Interaction) -> Interaction:
        """What is looked at is played next: a source asks twice for the same one."""
        self._recent[place] = found
        if len(self._recent) > _RECENT_MAX:
            self._recent.pop(next(iter(self._recent)), None)
        return found

    def _checked(self, place: int, found: Interaction) -> Interaction:
        """`found`, where its request is the one that was read alone before."""
        if place in self._seen and self._seen[place] != _digest(found.request):
            raise self._differs(place)
        return found

    def _differs(self, place: int) -> CassetteError:
        return CassetteError(
            f"{self.name}: interaction #{place + 1} reads differently on its own and in the whole file, so it is not "
            "played. Record it again, or use harness.replay(harness.load(...))."
        )

    def _bytes(self, place: int) -> bytes:
        return self._read(self._starts[place], self._starts[place + 1])

    def _read(self, start: int, stop: int) -> bytes:
        with self._lock:
            os.lseek(self._handle, start, os.SEEK_SET)
            return os.read(self._handle, stop - start)

    def _parsed(self) -> Cassette:
        """The whole file, which has the last word on what an item is."""
        return parse(self._read(0, BYTES_MAX + 1), self.name)


class _View(Sequence[T]):
    """One of the two readings of a cassette, as a sequence that holds no item."""

    def __init__(self, length: Callable[[], int], read: Callable[[int], T]) -> None:
        self._length = length
        self._read = read

    def __len__(self) -> int:
        return self._length()

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        places = range(self._length())[index]
        return self._read(places) if isinstance(places, int) else [self._read(place) for place in places]


def _item(data: bytes) -> Mapping:
    """The one item in `data`. Raises Unreadable where it is not one, or no pair of request and response."""
    items = read_yaml(data)
    if isinstance(items, list) and len(items) == 1 and isinstance(items[0], dict):
        return items[0]
    message = "it is no list of one interaction"
    raise Unreadable(message)


def _request_alone(data: bytes) -> Request | None:
    """The request of an item, parsed without the answer; None where the layout does not show where it ends."""
    end = data.find(_RESPONSE)
    if end < 0 or not data.startswith(_REQUEST) or _KEY.search(data, end + len(_RESPONSE) - 1):
        return None
    layout = _LAYOUT.search(data, end)
    if layout is None and data.find(_MENTIONS_LAYOUT, end) >= 0:
        return None
    word = layout["layout"] if layout and layout["layout"] else b""
    try:
        item = _item(data[: end + 1])
        if list(item) != ["request"]:
            return None
        return read_request(item["request"], word.decode())
    except (Unreadable, ValueError):
        return None


def _digest(request: Request) -> bytes:
    made = blake2b(repr((request.method, request.url, request.headers)).encode("utf-8", "surrogatepass"), digest_size=8)
    made.update(request.body)
    return made.digest()
