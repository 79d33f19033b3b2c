"""A test with a real PostgreSQL, and with servers of its own, beside a replay; what is not its own is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import harness
from harness.clock import VirtualTimeLoop
from harness.errors import NetworkRefusedError, VerificationError
from harness.model import Cassette, Head, Interaction, Request, Timeline
from tests.databases.conftest import USER, Database

pytestmark = pytest.mark.postgres
asyncpg = pytest.importorskip("asyncpg", reason="pip install asyncpg")
psycopg = pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")

URL = "https://api.example/v1/x"
ANSWER = Timeline.of(Head(200), [b"hi"])
HERE = Path(__file__).name


@pytest.fixture
def cassette() -> Cassette:
    return Cassette((Interaction(Request("GET", URL), ANSWER),))


@contextmanager
def refusing(cassette: Cassette, said: str) -> Iterator[None]:
    """A replay that ends with the refusal of a connection, `said`."""
    with pytest.raises(VerificationError, match=said), harness.replay(cassette, unplayed="ignore"):
        yield


def ask() -> str:
    with httpx.Client(verify=False) as client:
        return client.get(URL).text


async def by_asyncpg(host: str, port: int) -> int:
    connection = await asyncpg.connect(host=host, port=port, user=USER, database="postgres", ssl=False)
    try:
        await connection.execute("create temporary table said (n int, text text)")
        await connection.execute("insert into said values ($1, $2)", 3, await asyncio.to_thread(ask))
        found: int = await connection.fetchval("select n from said where text = $1", "hi")
        return found
    finally:
        await connection.close()


def by_psycopg(host: str, port: int) -> int:
    with psycopg.connect(host=host, port=port, user=USER, dbname="postgres") as connection:
        text = ask()
        found: int = connection.execute("select %s::int + length(%s)", (1, text)).fetchone()[0]
        return found


async def by_async_psycopg(host: str, port: int) -> int:
    where = f"host={host} port={port} user={USER} dbname=postgres"
    async with await psycopg.AsyncConnection.connect(where) as connection:
        cursor = await connection.execute("select 1 + length(%s)", (await asyncio.to_thread(ask),))
        found: int = (await cursor.fetchone())[0]
        return found


def running(of: Any) -> Any:
    """On a loop that gives a database another second: how long a real one takes, no virtual clock can know."""

    def run(host: str, port: int) -> int:
        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(io_grace="1s")) as runner:
            found: int = runner.run(of(host, port))
            return found

    return run


CLIENTS = {
    "asyncpg": running(by_asyncpg), "psycopg": by_psycopg, "psycopg, async": running(by_async_psycopg),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_database_that_is_allowed_works_over_tcp(
    client: str, clock: str, postgres: Database, cassette: Cassette
) -> None:
    with harness.replay(cassette, clock=clock, allowed_hosts=["127.0.0.1"]) as session:
        assert CLIENTS[client]("127.0.0.1", postgres.port) == 3
    assert len(session.history) == 1


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_unix_socket_needs_no_permission(client: str, clock: str, postgres: Database, cassette: Cassette) -> None:
    with harness.replay(cassette, clock=clock) as session:
        assert CLIENTS[client](str(postgres.folder), postgres.port) == 3
    assert len(session.history) == 1


@pytest.mark.parametrize("client", CLIENTS)
def test_a_database_that_nobody_allowed_is_refused_with_the_line(
    client: str, postgres: Database, cassette: Cassette
) -> None:
    said = rf"connect to 127\.0\.0\.1:{postgres.port} from .*{HERE}:\d+"
    with refusing(cassette, said), pytest.raises(OSError, match="was refused"):
        CLIENTS[client]("127.0.0.1", postgres.port)


def test_what_derives_from_a_connection_is_made(postgres: Database, cassette: Cassette) -> None:
    before = vars(psycopg.Connection)["connect"]

    class Mine(psycopg.Connection):  # type: ignore[misc,name-defined]
        pass

    with harness.replay(cassette, allowed_hosts=["127.0.0.1"], unplayed="ignore"):
        with Mine.connect(f"postgresql://{USER}@127.0.0.1:{postgres.port}/postgres") as made:
            assert type(made) is Mine
        ask()
    assert vars(psycopg.Connection)["connect"] is before


def test_grpc_is_refused_where_a_channel_is_made(cassette: Cassette) -> None:
    grpc = pytest.importorskip("grpc", reason="pip install grpcio")
    before = grpc.insecure_channel
    with refusing(cassette, rf"connect to aiplatform\.example:443 from .*{HERE}:\d+"):
        for make in (grpc.insecure_channel, grpc.aio.insecure_channel):
            with pytest.raises(NetworkRefusedError):
                make("dns:///aiplatform.example:443")
        grpc.insecure_channel("127.0.0.1:9").close()
        grpc.insecure_channel("unix:/tmp/x").close()
    assert grpc.insecure_channel is before


def test_pycurl_is_refused_where_its_url_is_set(cassette: Cassette) -> None:
    pycurl = pytest.importorskip("pycurl", reason="pip install pycurl")
    before = pycurl.Curl
    with refusing(cassette, rf"connect to api\.example:443 from .*{HERE}:\d+"):
        handle = pycurl.Curl()
        assert isinstance(handle, before)
        with pytest.raises(NetworkRefusedError):
            handle.setopt(pycurl.URL, "https://api.example/v1")
        handle.close()
    assert pycurl.Curl is before


@pytest.fixture
def starlette_client() -> Iterator[Any]:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    with TestClient(Starlette(routes=[Route("/", lambda _: PlainTextResponse(ask()))])) as client:
        yield client


def test_a_starlette_test_client_beside_a_replay(starlette_client: Any, cassette: Cassette) -> None:
    with harness.replay(cassette):
        assert starlette_client.get("/").text == "hi"


def test_an_aiohttp_test_server_beside_a_replay(cassette: Cassette) -> None:
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer

    async def answered(_: web.Request) -> web.Response:
        return web.Response(text=await asyncio.to_thread(ask))

    async def main() -> str:
        app = web.Application()
        app.router.add_get("/", answered)
        async with TestServer(app) as server, TestClient(server) as client:
            return await (await client.get("/")).text()

    with harness.replay(cassette, clock="wall"):
        assert asyncio.run(main()) == "hi"
