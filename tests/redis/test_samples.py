"""Every shared dump file decodes to what the real server that loaded it said is in it."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from io_connectors.redis.rdb import index_file
from io_connectors.redis.rows import HashField, KeyRow
from tests.redis.whole import indexed_and_read, read_whole, told, types_of

WINDOWS = (64, 4 * 1024 * 1024)
PARTS = (1, 7)


@pytest.fixture(scope="session")
def redis_samples(samples: Path) -> Path:
    return samples / "redis"


@lru_cache
def expected(folder: Path) -> dict[str, Any]:
    """File → what is known of it, ``values`` being its keys with their values."""
    known: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    with gzip.open(folder / "expected_values.json.gz") as file:
        values = json.load(file)
    return {
        name: {**facts, "values": values.get(name)} for name, facts in known.items() if name.endswith(".rdb")
    }


def _loaded(folder: Path) -> dict[str, Any]:
    return {name: facts for name, facts in expected(folder).items() if facts["loader"]}


def _comparable(values: dict[str, list[Any]]) -> dict[int, list[Any]]:
    return {int(db): sorted(map(_numbers, keys)) for db, keys in values.items() if keys}


def _numbers(key: list[Any]) -> list[Any]:
    """Scores as numbers; -0.0 equals 0.0."""
    name, kind, expire_at, value, *times = key
    if kind == "zset":
        value = sorted([member, float(score) + 0.0] for member, score in value)
    if kind == "hash":
        times = [{"field_expire_ms": sorted(one["field_expire_ms"])} for one in times]
    return [name, kind, expire_at, value, *times]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("parts", PARTS)
def test_every_value_is_what_the_server_has(redis_samples: Path, window: int, parts: int) -> None:
    files = _loaded(redis_samples)
    assert len(files) == 71
    for name, facts in files.items():
        found: dict[int, list[Any]] = {}
        for row in read_whole(redis_samples / name, parts=parts, window=window):
            assert isinstance(row, KeyRow), (name, row)
            found.setdefault(row.db, []).append(told(row))
        wanted = _comparable(facts["values"])
        _forget_untold_times(wanted, found)
        assert {db: sorted(keys) for db, keys in found.items()} == wanted, name


def _forget_untold_times(wanted: dict[int, list[Any]], found: dict[int, list[Any]]) -> None:
    """A server that knows no absolute times told only which keys have one."""
    untold = {(db, key[0]) for db, keys in wanted.items() for key in keys if key[2] == "ttl"}
    for db, keys in found.items():
        for key in keys:
            if (db, key[0]) in untold:
                assert isinstance(key[2], int)
                key[2] = "ttl"


@pytest.mark.parametrize("parts", PARTS)
def test_index_counts_what_the_server_counts(redis_samples: Path, parts: int) -> None:
    for name, facts in _loaded(redis_samples).items():
        index, rows = indexed_and_read(redis_samples / name, parts=parts)
        assert index.keys == facts["keys_total"], name
        assert {db: dict(tally.types) for db, tally in index.databases.items()} == types_of(rows), name
        expiring = {str(db): tally.expiring for db, tally in index.databases.items()}
        assert expiring == {db: one["keys_with_ttl"] for db, one in facts["dbs"].items()}, name
        assert index.magic == facts["magic"]
        if facts["functions"] is not None:
            assert index.functions == facts["functions"], name


def test_windows_give_the_same_rows_in_the_same_order(redis_samples: Path) -> None:
    for name in expected(redis_samples):
        one = read_whole(redis_samples / name)
        # Not every score equals itself.
        assert repr(read_whole(redis_samples / name, parts=7, window=64)) == repr(one), name


def test_base_of_an_append_only_file_is_a_dump(redis_samples: Path) -> None:
    path = redis_samples / "own" / "aof_redis7.0_ts" / "appendonly.aof.2.base.rdb"
    index, rows = indexed_and_read(path, parts=7)
    assert index.aux["aof-base"] == "1"
    assert index.aux["redis-ver"] == "7.0.15"
    assert int(index.aux["ctime"]) == 1795479758
    assert len(rows) == index.keys == 600
    assert all(isinstance(row, KeyRow) for row in rows)


def test_hash_of_valkey_9_has_times_of_fields(redis_samples: Path) -> None:
    [row] = read_whole(redis_samples / "hdt3213" / "valkey_hash2_with_hfe.rdb")
    assert row == KeyRow(
        0,
        b"hash2-hfe",
        "hash",
        [
            HashField(b"F1", b"V1", 0x027851703840),
            HashField(b"F2", b"V2", 0x022EE4848040),
            HashField(b"F3", b"V3", None),
        ],
        None,
    )


def test_zipmap_that_leaves_its_fields_to_be_counted(redis_samples: Path) -> None:
    """Its first byte is 255: servers since Redis 6.2 refuse it, older ones count, as for 254."""
    [row] = read_whole(redis_samples / "hdt3213" / "zipmap_big_len.rdb")
    fields = [HashField(b"MKD1G6", b"2", None), HashField(b"YNNXK", b"F7TI", None)]
    assert row == KeyRow(0, b"zimap_doesnt_compress", "hash", fields, None)


def test_data_of_a_module_that_is_not_there_is_counted(redis_samples: Path) -> None:
    index = index_file(redis_samples / "rdbtools" / "redis_60_with_module_aux.rdb")
    assert (index.keys, index.module_data, index.checked) == (0, 1, True)


def test_documents_are_read_without_their_module(redis_samples: Path) -> None:
    rows = read_whole(redis_samples / "own" / "nasty_v12_redis7.4.1_json.rdb")
    assert {row.key: row.value for row in rows if isinstance(row, KeyRow) and row.type == "json"} == {
        b"js1": '{"a":{"b":[1,2.5,null,true,"xé"]},"n":1e300}'.encode(),
        b"js2": b"[]",
        b"js3": b'"str"',
    }
    _, old = read_whole(redis_samples / "rdbtools" / "redis_40_with_module.rdb")
    assert old == KeyRow(0, b"foo", "json", b'{"name":"bb","counts":4}', None)
