"""Whole files through the codec, and rows in the form in which the shared samples tell values."""

from __future__ import annotations

import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from io_connectors.redis.rdb import Index, Undecodable, index_file, read_span
from io_connectors.redis.rdb.window import WINDOW_BYTES
from io_connectors.redis.rows import HASH, JSON, LIST, SET, STREAM, ZSET, KeyRow

Rows = list[KeyRow | Undecodable]


def indexed_and_read(path: Path, *, parts: int = 1, window: int = WINDOW_BYTES) -> tuple[Index, Rows]:
    """A file's index and rows, cut into as many parts as there are keys for."""
    keys = index_file(path, window=window).keys
    share = max(1, math.ceil(keys / parts))
    index = index_file(path, span_keys=share, span_bytes=sys.maxsize, window=window)
    assert len(index.spans) == math.ceil(keys / share)
    rows: Rows = []
    for span in reversed(index.spans):
        part = list(read_span(path, index.magic, span, window))
        assert len(part) == span.keys
        rows[:0] = part
    return index, rows


def read_whole(path: Path, *, parts: int = 1, window: int = WINDOW_BYTES) -> Rows:
    """A file's rows."""
    return indexed_and_read(path, parts=parts, window=window)[1]


def types_of(rows: Rows) -> dict[int, Counter[str]]:
    """Database → type → rows."""
    found: dict[int, Counter[str]] = {}
    for row in rows:
        found.setdefault(row.db, Counter())[row.type] += 1
    return found


def told(row: KeyRow) -> list[Any]:
    """A row as ``expected_values.json.gz`` has it, without the database."""
    parts: list[Any] = [row.key.hex(), _TYPES.get(row.type, row.type), row.expire_at, _value(row)]
    if row.type == HASH:
        value: Any = row.value
        times = sorted([one.name.hex(), one.expire_at] for one in value if one.expire_at is not None)
        parts += [{"field_expire_ms": times}] if times else []
    return parts


_TYPES = {JSON: "ReJSON-RL"}


def _value(row: KeyRow) -> Any:
    value: Any = row.value
    if row.type == LIST:
        return [one.hex() for one in value]
    if row.type == SET:
        return sorted(one.hex() for one in value)
    if row.type == ZSET:
        return sorted([member.hex(), score + 0.0] for member, score in value)
    if row.type == HASH:
        return sorted([one.name.hex(), one.value.hex()] for one in value)
    if row.type == STREAM:
        # The samples tell fields in sorted order; test_server.py looks at their true order.
        return [
            [one.id, sorted([name.hex(), text.hex()] for name, text in one.fields)] for one in value.entries
        ]
    return None if row.type == JSON else value.hex()
