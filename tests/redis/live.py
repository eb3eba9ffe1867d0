"""What a live server says of its keys through the commands of their types, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import redis

from io_connectors.redis.rows import Group, HashField, KeyRow, Pending, Stream, StreamEntry, Value

Ask = Callable[..., Any]


def live_rows(client: redis.Redis, db: int) -> list[KeyRow]:
    """All keys of a client's database, of Redis 7.0 or newer."""
    keys: Any = client.keys()
    # Replies as they come: the client's own parsing would lose repeated fields of streams.
    client.response_callbacks.clear()
    return [_row(client.execute_command, db, key) for key in keys]


def in_order(rows: list[KeyRow]) -> list[KeyRow]:
    """Rows by key, members of sets and the like in an order that depends on no hash table."""
    unordered = ("set", "hash", "zset")
    rows = [
        one._replace(value=sorted(cast(Any, one.value))) if one.type in unordered else one for one in rows
    ]
    return sorted(rows, key=lambda row: row.key)


def _row(ask: Ask, db: int, key: bytes) -> KeyRow:
    kind = ask("TYPE", key).decode()
    expire_at = ask("PEXPIRETIME", key)
    return KeyRow(db, key, kind, _READ[kind](ask, key), None if expire_at < 0 else expire_at)


def _hash(ask: Ask, key: bytes) -> Value:
    parts = ask("HGETALL", key)
    return [HashField(name, value, None) for name, value in zip(parts[::2], parts[1::2], strict=True)]


def _zset(ask: Ask, key: bytes) -> Value:
    parts = ask("ZRANGE", key, 0, -1, "WITHSCORES")
    return [(member, float(score)) for member, score in zip(parts[::2], parts[1::2], strict=True)]


def _stream(ask: Ask, key: bytes) -> Value:
    facts = _named(ask("XINFO", "STREAM", key, "FULL", "COUNT", 0))
    return Stream(
        [
            StreamEntry(one.decode(), list(zip(parts[::2], parts[1::2], strict=True)))
            for one, parts in facts["entries"]
        ],
        facts["last-generated-id"].decode(),
        facts["max-deleted-entry-id"].decode(),
        facts["entries-added"],
        [_group(_named(group)) for group in facts["groups"]],
    )


def _group(facts: dict[str, Any]) -> Group:
    return Group(
        facts["name"],
        facts["last-delivered-id"].decode(),
        facts["entries-read"],
        [_named(consumer)["name"] for consumer in facts["consumers"]],
        [Pending(one.decode(), consumer, time, times) for one, consumer, time, times in facts["pending"]],
    )


def _named(parts: list[Any]) -> dict[str, Any]:
    return {name.decode(): value for name, value in zip(parts[::2], parts[1::2], strict=True)}


_READ: dict[str, Callable[[Ask, bytes], Value]] = {
    "string": lambda ask, key: ask("GET", key),
    "list": lambda ask, key: ask("LRANGE", key, 0, -1),
    "set": lambda ask, key: ask("SMEMBERS", key),
    "hash": _hash,
    "zset": _zset,
    "stream": _stream,
}
