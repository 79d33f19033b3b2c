"""CassetteSource: answers from a recording, each interaction once, found by content and never by arrival.

Order of search:

1. the next unplayed interaction, where its bytes fit: a run in recorded order needs neither key nor index;
2. the index of bytes, which is built at the first other request and makes keys for those only whose bytes differ;
3. the index of keys;
4. the index of operation keys, where a dialect recognises the URL: another base URL, a dropped query or another
   spelling of what the provider reads in several is no miss;
5. the bodies of recordings whose URL their project struck out (`**REDACTED**`, no scheme): body and method decide;
6. a matcher of the user's own.

A backend asks in the native dialect, with a Prompt; it is compared with the decoded prompts of all interactions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from hashlib import blake2b
from typing import Protocol, TypeVar, overload

from harness.dialects import prompt_of, recognise, spelled
from harness.errors import CassetteError
from harness.matching import Rules, key, nearest, nearest_prompt, operation_key, same_prompt
from harness.model import Cassette, Interaction, Prompt, Request
from harness.spec import Found, Matcher, Mismatch, Operation

NATIVE = "native"
_ANYWHERE = Operation("", "anywhere")
K = TypeVar("K")


class Recording(Protocol):
    """A recording that is too large to be held: what a source needs of it, each item read when it is indexed.

    Indexing raises CassetteError where an item cannot be read.
    """

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def interactions(self) -> Sequence[Interaction]:
        """All of them, in recorded order."""

    @property
    def requests(self) -> Sequence[Request]:
        """Their requests, which cost less to read."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Interaction]: ...


class CassetteSource:
    """A Source over `cassette`. `repeat` answers an exhausted request with its last recording again."""

    def __init__(
        self,
        cassette: Cassette | Recording,
        rules: Rules | None = None,
        *,
        repeat: bool = False,
        matcher: Matcher | None = None,
    ) -> None:
        self.name = cassette.name
        self.cassette = cassette
        self._is_held = isinstance(cassette, Cassette)
        self._requests: Sequence[Request] = (
            [it.request for it in cassette] if isinstance(cassette, Cassette) else cassette.requests
        )
        self._rules = rules or Rules()
        self._repeat = repeat
        self._matcher = matcher
        self._played: set[int] = set()
        self._first_unplayed = 0
        self._keys: dict[int, bytes] = {}
        self._by_bytes: dict[object, list[int]] | None = None
        self._by_key: dict[bytes, list[int]] | None = None
        self._by_operation: dict[bytes, list[int]] | None = None
        self._by_body: dict[bytes, list[int]] | None = None
        self._prompts: list[Prompt | None] | None = None

    def afresh(self) -> CassetteSource:
        """The same recording with nothing played. What was read and indexed of it is shared."""
        made = copy(self)
        made._played, made._first_unplayed = set(), 0  # noqa: SLF001 - it is one of us
        return made

    def find(self, request: Request) -> Found | Mismatch:
        """The next unplayed interaction that answers `request`. A recording that cannot be read further is a Mismatch,
        because an error would be retried by the clients that ask."""
        try:
            return self._found(request)
        except CassetteError as error:
            return Mismatch(str(error))

    def _found(self, request: Request) -> Found | Mismatch:
        place = self._first_unplayed
        if place < len(self.cassette) and _is_same(self.cassette.interactions[place].request, request):
            return self._play(place, "key")
        found = self._first_of([(self._bytes().get(self._bytes_key(request), ()), "key")], repeat=False)
        if found is not None:
            return found
        known = recognise(request)
        if known is not None and known[1].dialect == NATIVE:
            return self._find_prompt(request)
        wanted = key(request, self._rules)
        if place < len(self.cassette) and self._key_of(place) == wanted:
            return self._play(place, "key")
        same = self._index().get(wanted, [])
        candidates: list[tuple[Sequence[int], str]] = [(same, "key")]
        if known is not None:
            operated = self._operations().get(self._spelled_key(request, known[1]), [])
            candidates.append((operated, "operation"))
        candidates.append((self._struck_out(request), "body"))
        if self._matcher is not None:
            candidates.append((self._matched(request, self._matcher), "matcher"))
        return self._first_of(candidates) or self._nearest(request)

    @property
    def models(self) -> list[str]:
        """The models that were asked, in recorded order. Reads all of it."""
        prompts = (prompt_of(request) for request in self._requests)
        return [prompt.model for prompt in prompts if prompt is not None]

    @property
    def addresses(self) -> dict[tuple[str, str], str]:
        """(method, path with its query) -> the URL under which it was recorded first."""
        found: dict[tuple[str, str], str] = {}
        for request in self._requests:
            if "://" in request.url:
                host, _, path = request.url.partition("://")[2].partition("/")
                found.setdefault((request.method, f"/{path}" if host else ""), request.url)
        return found

    def unplayed(self) -> Sequence[str]:
        """One line per interaction that nobody asked for. Of a large recording, lines are made when looked at."""
        places = [place for place in range(len(self.cassette)) if place not in self._played]
        return [self._line(place) for place in places] if self._is_held else _Lines(places, self._line)

    def _line(self, place: int) -> str:
        name = self.cassette.interactions[place].id if self._is_held else ""
        request = self._requests[place]
        return f"{name or f'#{place + 1}'} {request.method} {request.url}"

    # --- by bytes ---

    def _key_of(self, place: int) -> bytes:
        found = self._keys.get(place)
        if found is None:
            found = self._keys[place] = key(self._requests[place], self._rules)
        return found

    def _bytes(self) -> dict[object, list[int]]:
        if self._by_bytes is None:
            self._by_bytes = _grouped(len(self.cassette), self._bytes_at)
        return self._by_bytes

    def _bytes_at(self, place: int) -> object:
        return self._bytes_key(self._requests[place])

    def _bytes_key(self, request: Request) -> object:
        """The bytes themselves where they are held anyway, else their digest: an index is no second copy."""
        return _bytes_of(request) if self._is_held else _digest(request)

    def _index(self) -> dict[bytes, list[int]]:
        if self._by_key is None:
            self._by_key = _grouped(len(self.cassette), self._key_of)
        return self._by_key

    def _operations(self) -> dict[bytes, list[int]]:
        if self._by_operation is None:
            self._by_operation = _grouped(len(self.cassette), self._operation_key_of)
        return self._by_operation

    def _operation_key_of(self, place: int) -> bytes | None:
        request = self._requests[place]
        known = recognise(request)
        return self._spelled_key(request, known[1]) if known else None

    def _spelled_key(self, request: Request, operation: Operation) -> bytes:
        return operation_key(spelled(request, operation), operation, self._rules)

    def _struck_out(self, request: Request) -> Sequence[int]:
        """Those whose URL somebody struck out and whose body is this one. A request without a body is none of them:
        nothing would be left to tell it from others."""
        if self._by_body is None:
            self._by_body = _grouped(len(self.cassette), self._body_key_of)
        if not self._by_body or not request.body:
            return ()
        return self._by_body.get(operation_key(request, _ANYWHERE, self._rules), ())

    def _body_key_of(self, place: int) -> bytes | None:
        request = self._requests[place]
        is_lost = request.body and "://" not in request.url
        return operation_key(request, _ANYWHERE, self._rules) if is_lost else None

    def _matched(self, request: Request, matcher: Matcher) -> list[int]:
        asked = self._rules.redaction.request(request)
        return [
            place
            for place, recorded in enumerate(self._requests)
            if recorded.method == request.method and matcher(recorded, asked)
        ]

    def _nearest(self, request: Request) -> Mismatch:
        candidates = [
            (replace(it, request=_respelled(it.request)), place in self._played)
            for place, it in enumerate(self.cassette)
        ]
        return nearest(_respelled(request), candidates, self._rules, operation=_operation)

    # --- by meaning ---

    def _find_prompt(self, request: Request) -> Found | Mismatch:
        asked = prompt_of(request) or Prompt()
        same = [
            place
            for place, recorded in enumerate(self._decoded())
            if recorded is not None and same_prompt(recorded, asked, self._rules)
        ]
        return self._first_of([(same, "prompt")]) or self._nearest_prompt(asked)

    def _decoded(self) -> list[Prompt | None]:
        if self._prompts is None:
            self._prompts = [prompt_of(recorded) for recorded in self._requests]
        return self._prompts

    def _nearest_prompt(self, asked: Prompt) -> Mismatch:
        candidates = [
            (it, prompt, place in self._played)
            for place, (it, prompt) in enumerate(zip(self.cassette, self._decoded(), strict=True))
            if prompt is not None
        ]
        return nearest_prompt(asked, candidates, self._rules)

    # --- playing ---

    def _first_of(self, candidates: Sequence[tuple[Sequence[int], str]], *, repeat: bool = True) -> Found | None:
        for places, how in candidates:
            for place in places:
                if place not in self._played:
                    return self._play(place, how)
        if self._repeat and repeat:
            for places, how in candidates:
                if places:
                    return self._play(places[-1], how)
        return None

    def _play(self, place: int, how: str) -> Found:
        self._played.add(place)
        while self._first_unplayed in self._played:
            self._first_unplayed += 1
        return Found(self.cassette.interactions[place], how)


class _Lines(Sequence[str]):
    """Lines that are made when they are looked at: a test that ignores what it left over does not read it."""

    def __init__(self, places: Sequence[int], line: Callable[[int], str]) -> None:
        self._places = places
        self._line = line

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        chosen = self._places[index]
        return self._line(chosen) if isinstance(chosen, int) else [self._line(place) for place in chosen]


def _is_same(recorded: Request, asked: Request) -> bool:
    """True where not a byte differs of what makes the key."""
    return recorded.body == asked.body and recorded.url == asked.url and recorded.method == asked.method


def _bytes_of(request: Request) -> tuple[str, str, bytes]:
    return request.method, request.url, request.body


def _digest(request: Request) -> bytes:
    made = blake2b(f"{request.method} {request.url} ".encode("utf-8", "surrogatepass"), digest_size=16)
    made.update(request.body)
    return made.digest()


def _grouped(count: int, key_of: Callable[[int], K | None]) -> dict[K, list[int]]:
    groups: defaultdict[K, list[int]] = defaultdict(list)
    for place in range(count):
        found = key_of(place)
        if found is not None:
            groups[found].append(place)
    return groups


def _respelled(request: Request) -> Request:
    known = recognise(request)
    return spelled(request, known[1]) if known else request


def _operation(request: Request) -> Operation | None:
    known = recognise(request)
    return known[1] if known else None
