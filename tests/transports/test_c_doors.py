"""Whither a library that opens its sockets in C is about to connect, told from the arguments of its Python call.

That the libraries themselves are refused is tried in tests/databases, with the real ones.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

import harness
from harness.errors import NetworkRefusedError, VerificationError
from harness.model import Cassette
from harness.transports._c_doors import _of_channel, _of_conninfo, _of_url


@pytest.mark.parametrize(
    "target, said",
    [
        ("dns:///aiplatform.example:443", "aiplatform.example:443"),
        ("aiplatform.example", "aiplatform.example:443"),
        ("ipv4:192.0.2.1:50051", "192.0.2.1:50051"),
        ("[2001:db8::1]:50051", "2001:db8::1:50051"),
        ("localhost:50051", ""),
        ("127.0.0.1:50051", ""),
        ("unix:/run/x.sock", ""),
        ("unix-abstract:x", ""),
    ],
)
def test_the_target_of_a_channel(target: str, said: str) -> None:
    assert [str(one) for one in _of_channel(target)] == ([f"connect to {said}"] if said else [])


@pytest.mark.parametrize(
    "args, keywords, said",
    [
        (("host=db port=5433 user=me",), {}, ["db:5433"]),
        (("postgresql://me:pw@db.example:6000/x?sslmode=disable",), {}, ["db.example:6000"]),
        ((), {"host": "db"}, ["db:5432"]),
        ((), {"host": "a,b", "port": "1,2"}, ["a:1", "b:2"]),
        (("dbname=x",), {"host": "/run/postgresql"}, []),
        (("dbname=x",), {}, []),
        ((), {"dsn": "host='db'"}, ["db:5432"]),
    ],
)
def test_the_host_of_a_postgres(args: Any, keywords: Any, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    monkeypatch.delenv("PGPORT", raising=False)
    assert [str(one).removeprefix("connect to ") for one in _of_conninfo(*args, **keywords)] == said


def test_the_host_of_a_postgres_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db")
    monkeypatch.setenv("PGPORT", "6000")
    assert [str(one) for one in _of_conninfo("dbname=x")] == ["connect to db:6000"]


@pytest.mark.parametrize(
    "url, said",
    [(b"https://api.example/v1", "api.example:443"), ("http://h:8080/", "h:8080"), ("file:///etc/hosts", "")],
)
def test_the_host_of_a_url(url: Any, said: str) -> None:
    assert [str(one) for one in _of_url(url)] == ([f"connect to {said}"] if said else [])


def test_a_library_is_refused_while_a_replay_is_open_and_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = ModuleType("psycopg2")
    library.connect = lambda *args, **kwargs: "connected"  # type: ignore[attr-defined]
    before = library.connect
    monkeypatch.setitem(sys.modules, "psycopg2", library)
    with pytest.raises(VerificationError, match="connect to db:5432"), harness.replay(Cassette(), unplayed="ignore"):
        with pytest.raises(NetworkRefusedError):
            library.connect("host=db")
        assert library.connect("dbname=x") == "connected"
    assert library.connect is before
