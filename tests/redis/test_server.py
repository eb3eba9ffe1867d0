"""A real server's files and DUMP payloads say what its commands say."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from io_connectors.redis.rdb import decode_dump
from io_connectors.redis.rows import KeyRow, Stream
from tests.redis.filled import fill
from tests.redis.live import in_order, live_rows
from tests.redis.whole import indexed_and_read
from tests.servers.redis import RedisServer, is_valkey

_PLAIN = (
    "hash-max-listpack-entries 0",
    "zset-max-listpack-entries 0",
    "set-max-intset-entries 0",
    "list-max-listpack-size 2",
)
_PACKED = (
    "hash-max-listpack-entries 100000",
    "hash-max-listpack-value 1000000",
    "zset-max-listpack-entries 100000",
    "zset-max-listpack-value 1000000",
    "list-max-listpack-size -5",
    "stream-node-max-entries 1000",
)
_EVICTING = ("maxmemory 1gb", "maxmemory-policy allkeys-lfu", "rdbcompression no", "rdbchecksum no")

_REFUSED_BY_VALKEY = ("hdt3213/stream_listpacks_1.rdb",)


def _same(path: Path, server: RedisServer, dbs: Iterable[int]) -> int:
    """Compares a file and payloads with a server's replies, and counts the keys."""
    index, found = indexed_and_read(path, parts=3)
    rows = [row for row in found if isinstance(row, KeyRow) and not _expired(row)]
    compared = 0
    for db in dbs:
        said = in_order(live_rows(server.client(db), db))
        assert _comparable(row for row in rows if row.db == db) == _comparable(said), index.magic
        client: Any = server.client(db)
        payloads = [decode_dump(client.dump(row.key)) for row in said]
        assert (
            in_order(
                [
                    row._replace(type=kind, value=value)
                    for row, (kind, value) in zip(said, payloads, strict=True)
                ]
            )
            == said
        )
        compared += len(said)
    assert compared == len(rows)
    return compared


def _expired(row: KeyRow) -> bool:
    return row.expire_at is not None and row.expire_at < time.time() * 1000


def _comparable(rows: Iterable[KeyRow]) -> list[KeyRow]:
    """Rows in order, without what a server works out where an old file does not tell it."""
    return in_order(
        [row._replace(value=_told(row.value)) if isinstance(row.value, Stream) else row for row in rows]
    )


def _told(stream: Stream) -> Stream:
    return stream._replace(groups=[group._replace(entries_read=None) for group in stream.groups])


@pytest.mark.usefixtures("redis_server")
@pytest.mark.parametrize(
    "config", [(), _PLAIN, _PACKED, _EVICTING], ids=["default", "plain", "packed", "evicting"]
)
def test_files_and_payloads_of_a_server(config: tuple[str, ...]) -> None:
    with RedisServer(config) as server:
        fill(server.client())
        fill(server.client(7))
        path = server.save()
        assert _same(path, server, (0, 7)) > 400
        index, _ = indexed_and_read(path, parts=5)
        assert index.announced == {db: sum(tally.types.values()) for db, tally in index.databases.items()}
        assert index.checked == (config != _EVICTING)


def test_base_of_an_append_only_file_holds_what_a_server_loads(
    samples: Path, redis_server: RedisServer
) -> None:
    path = samples / "redis" / "own" / "aof_redis7.0_ts" / "appendonly.aof.2.base.rdb"
    with RedisServer(dump=path) as server:
        assert _same(path, server, range(16)) > 400


@pytest.mark.parametrize(
    "name",
    [
        "own/nasty_v9_redis6.2.5.rdb",
        "own/nasty_v10_redis7.0.15.rdb",
        "hdt3213/stream_listpacks_1.rdb",
        "rdbtools/redis_50_with_streams.rdb",
    ],
)
def test_samples_hold_what_a_server_loads(samples: Path, redis_server: RedisServer, name: str) -> None:
    """Beside the values: groups of streams, and the order of their fields."""
    if name in _REFUSED_BY_VALKEY and is_valkey():
        pytest.skip("Valkey refuses the length of its stream")
    path = samples / "redis" / name
    with RedisServer(dump=path) as server:
        assert _same(path, server, range(16)) > 4
