"""``rdbtools`` as the oracle: it reads the files of Redis 6 and older, and gives the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demo.rdb_writer import (
    Dump,
    compressed,
    intset,
    length,
    scored,
    scored_text,
    string,
    strings,
    ziplist,
    zipmap,
)
from io_connectors.redis.rdb import index_file
from io_connectors.redis.rows import KeyRow
from tests.redis.filled import numbers, texts
from tests.redis.whole import read_whole

rdbtools = pytest.importorskip("rdbtools")

_NEWEST = 9


class _Collected(rdbtools.RdbCallback):  # type: ignore[misc, name-defined]
    """Collects what rdbtools finds: (db, type, key, expiry in ms, value)."""

    def __init__(self) -> None:
        super().__init__(string_escape=None)
        self.rows: list[list[Any]] = []
        self._db = 0

    def start_database(self, number: int) -> None:
        self._db = number

    def set(self, key: bytes, value: bytes, expiry: Any, info: Any) -> None:
        self._add("string", key, expiry, _text(value))

    def start_list(self, key: bytes, expiry: Any, info: Any) -> None:
        self._add("list", key, expiry, [])

    def start_set(self, key: bytes, cardinality: int, expiry: Any, info: Any) -> None:
        self._add("set", key, expiry, [])

    def start_sorted_set(self, key: bytes, count: int, expiry: Any, info: Any) -> None:
        self._add("zset", key, expiry, [])

    def start_hash(self, key: bytes, count: int, expiry: Any, info: Any) -> None:
        self._add("hash", key, expiry, [])

    def rpush(self, key: bytes, value: bytes) -> None:
        self.rows[-1][-1].append(_text(value))

    def sadd(self, key: bytes, member: bytes) -> None:
        self.rows[-1][-1].append(_text(member))

    def zadd(self, key: bytes, score: Any, member: bytes) -> None:
        self.rows[-1][-1].append((_text(member), float(score)))

    def hset(self, key: bytes, field: bytes, value: bytes) -> None:
        self.rows[-1][-1].append((_text(field), _text(value)))

    def _add(self, kind: str, key: bytes, expiry: Any, value: Any) -> None:
        self.rows.append([self._db, kind, _text(key), _milliseconds(expiry), value])


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b"%d" % value


def _milliseconds(expiry: Any) -> int | None:
    return expiry and int(expiry.timestamp() * 1000)


def _by_rdbtools(path: Path) -> list[list[Any]]:
    collected = _Collected()
    rdbtools.RdbParser(collected).parse(str(path))
    return collected.rows


def _by_us(path: Path) -> list[list[Any]]:
    found = []
    for row in read_whole(path, parts=3):
        assert isinstance(row, KeyRow)
        value: Any = row.value
        if row.type == "hash":
            value = [(one.name, one.value) for one in value]
        if row.type not in ("stream", "json"):
            found.append([row.db, row.type, row.key, row.expire_at, value])
    return found


def _agree(path: Path) -> int:
    ours, theirs = _by_us(path), _by_rdbtools(path)
    assert ours == theirs
    return len(ours)


def _is_for_rdbtools(path: Path) -> bool:
    magic = path.read_bytes()[:9]
    return magic.startswith(b"REDIS") and int(magic[5:]) <= _NEWEST


def test_samples_of_redis_6_and_older(samples: Path) -> None:
    keys = [_agree(path) for path in (samples / "redis").rglob("*.rdb") if _is_for_rdbtools(path)]
    assert (len(keys), sum(keys)) == (58, 268)


def test_made_file(tmp_path: Path) -> None:
    dump = Dump(b"REDIS%04d" % _NEWEST)
    elements = [*(b"%d" % number for number in numbers()), *texts()]
    pairs = elements[: len(elements) // 2 * 2]
    scores = [(member, number / 3) for number, member in enumerate(elements)]
    dump.select(2, len(elements))
    for number, element in enumerate(elements):
        dump.key(0, b"string:%d" % number, string(element), 10**12 + number if number % 3 else None)
    dump.key(0, b"compressed", compressed(b"a" * 50, b"\x00a\xe0\x28\x00"))
    dump.key(1, b"list", strings(elements))
    dump.key(14, b"quicklist", length(2) + string(ziplist(elements[:50])) + string(ziplist(elements[50:])))
    dump.key(2, b"set", strings(elements))
    dump.key(11, b"intset", string(intset([b"%d" % number for number in range(-5, 70_000, 999)])))
    dump.key(4, b"hash", strings(pairs, 2))
    dump.key(13, b"hash in a ziplist", string(ziplist(pairs)))
    dump.key(9, b"hash in a zipmap", string(zipmap(pairs[:100])))
    dump.key(3, b"zset with text scores", scored_text(scores))
    dump.key(5, b"zset", scored([*scores, (b"inf", float("inf"))]))
    path = tmp_path / "made.rdb"
    path.write_bytes(dump.finish())
    assert _agree(path) == index_file(path).keys == len(elements) + 10
