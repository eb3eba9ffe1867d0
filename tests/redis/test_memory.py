"""How much memory the codec takes, whatever the file holds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.rdb_writer import Dump, length, string
from io_connectors.redis.dump import DumpChoices, open_dump
from io_connectors.redis.dump_pages import PAGE_BYTES
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.rdb import index_file, read_span
from io_connectors.redis.rows import KeyRow

_WINDOW = 1024 * 1024
_LARGE = 32 * 1024 * 1024


@contextmanager
def at_most(size: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size, f"{peak:,} bytes"


def written(path: Path, kind: int, value: bytes) -> Path:
    dump = Dump()
    dump.key(0, b"before", string(b"1"))
    dump.key(kind, b"large", value)
    dump.key(0, b"after", string(b"2"))
    path.write_bytes(dump.finish())
    return path


def test_large_string(tmp_path: Path) -> None:
    path = written(tmp_path / "dump.rdb", 0, string(bytes(_LARGE)))
    with at_most(5 * _WINDOW):
        index = index_file(path, span_keys=1, window=_WINDOW)
    assert index.keys == 3
    with at_most(5 * _WINDOW + 3 * _LARGE):
        [row] = read_span(path, index.magic, index.spans[1], _WINDOW)
    assert isinstance(row, KeyRow)
    assert row.value == bytes(_LARGE)


def test_large_neighbours_are_several_pages(tmp_path: Path) -> None:
    dump = Dump()
    for number in range(40):
        dump.key(0, b"%d" % number, string(bytes(1024 * 1024)))
    path = tmp_path / "dump.rdb"
    path.write_bytes(dump.finish())
    plan = open_dump(path, DumpChoices(Selection(), 1000), None).plan({}, anew=False)
    assert [page.rows for page in plan.pages.values()] == [12, 12, 12, 4]
    for page in plan.pages.values():
        assert sum(span.stop - span.start for span in page.place) <= PAGE_BYTES


def test_collection_of_many_members(tmp_path: Path) -> None:
    members = 300_000
    value = length(members) + string(b"member of forty bytes, or of about so many") * members
    path = written(tmp_path / "dump.rdb", 1, value)
    with at_most(5 * _WINDOW):
        index = index_file(path, window=_WINDOW)
    assert index.keys == 3


def test_many_keys(tmp_path: Path) -> None:
    dump = Dump()
    for number in range(100_000):
        dump.key(0, b"key:%d" % number, string(b"value" * 20))
    path = tmp_path / "dump.rdb"
    path.write_bytes(dump.finish())
    with at_most(5 * _WINDOW):
        index = index_file(path, window=_WINDOW)
        rows = sum(1 for span in index.spans for _ in read_span(path, index.magic, span, _WINDOW))
    assert rows == index.keys == 100_000
