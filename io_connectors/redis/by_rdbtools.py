"""Decoding by ``rdbtools``: a second opinion on dump files up to version 9.

Each entry is handed to rdbtools by itself, as a dump of one key, so that what it cannot read costs
that key only. A key that it reads otherwise than our own codec is ``Undecodable``: rdbtools turns
values of old small hashes (zipmaps) into numbers, so that ``007`` becomes ``7``, counts no further
than 65,535 elements of a ziplist, and its time ends in the year 9002.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engram_store.errors import ConfigurationError, SourceError
from io_connectors.redis.rdb import Index, Span, Undecodable, read_span
from io_connectors.redis.rows import HASH, LIST, SET, STRING, ZSET, HashField, KeyRow

_NEWEST = 9
_TYPES = (STRING, LIST, SET, ZSET, HASH)
_EPOCH = datetime(1970, 1, 1)
_OURS = "--rdb-engine native"

#: The opcode that ends a dump, and a checksum that says that there is none.
_END = b"\xff" + bytes(8)


def check_readable(path: Path, index: Index) -> None:
    """Refuses what rdbtools cannot read, before anything is written.

    Raises:
        ConfigurationError: It is not installed.
        SourceError: The file is too new for it, or has keys of types that it does not decode.
    """
    if find_spec("rdbtools") is None:
        raise ConfigurationError(
            "`--rdb-engine rdbtools` needs the package rdbtools, which is not installed",
            suggestion="install it, or read the file by the engine that is built in",
            example=f"pip install 'rdbtools>=0.1.15'   # or: {_OURS}",
        )
    if not index.magic.startswith("REDIS") or int(index.magic[5:]) > _NEWEST:
        raise SourceError(
            f"`{path}` is too new for rdbtools",
            why=f"it begins with {index.magic}; rdbtools reads up to REDIS{_NEWEST:04d}, of Redis 6.2",
            suggestion="read it by the engine that is built in",
            example=_OURS,
        )
    types: Counter[str] = sum((tally.types for tally in index.databases.values()), Counter())
    others = [f"{count:,} of the type {kind}" for kind, count in types.items() if kind not in _TYPES]
    if others:
        raise SourceError(
            f"`{path}` has keys that rdbtools does not decode",
            why=", ".join(others),
            suggestion="read it by the engine that is built in",
            example=_OURS,
        )


def read_by_rdbtools(path: Path, magic: str, span: Span) -> Iterator[KeyRow | Undecodable]:
    """The keys of a span of one key; see ``read_span``."""
    (known,) = read_span(path, magic, span)
    with path.open("rb") as file:
        file.seek(span.start)
        entry = file.read(span.stop - span.start)
    yield _decoded(magic.encode(), entry, known)


def _decoded(magic: bytes, entry: bytes, known: KeyRow | Undecodable) -> KeyRow | Undecodable:
    from rdbtools import RdbParser  # type: ignore[import-untyped]

    found = _Collected()
    try:
        RdbParser(found).parse_fd(io.BytesIO(magic + entry + _END))
    except Exception as error:  # It raises Exception itself, whatever is wrong.
        return _refused(known, entry, f"rdbtools: {error}")
    row = KeyRow(known.db, found.key, found.type, found.value, found.expire_at)
    # Not every score equals itself.
    if isinstance(known, KeyRow) and repr(row) != repr(known):
        return _refused(known, entry, "rdbtools reads it otherwise than the engine that is built in")
    return row


class _Collected:
    """What rdbtools says of one key; its own names and order of arguments.

    Attributes:
        key: The key.
        type: Its type.
        value: Its value.
        expire_at: Its expiry.
    """

    def __init__(self) -> None:
        self.key = b""
        self.type = ""
        self.value: Any = []
        self.expire_at: int | None = None

    def set(self, key: Any, value: Any, expiry: datetime | None, info: Any) -> None:
        self._start(STRING, key, expiry)
        self.value = _bytes(value)

    def start_list(self, key: Any, expiry: datetime | None, info: Any) -> None:
        self._start(LIST, key, expiry)

    def rpush(self, key: Any, value: Any) -> None:
        self.value.append(_bytes(value))

    def start_set(self, key: Any, cardinality: int, expiry: datetime | None, info: Any) -> None:
        self._start(SET, key, expiry)

    def sadd(self, key: Any, member: Any) -> None:
        self.value.append(_bytes(member))

    def start_sorted_set(self, key: Any, length: int, expiry: datetime | None, info: Any) -> None:
        self._start(ZSET, key, expiry)

    def zadd(self, key: Any, score: Any, member: Any) -> None:
        self.value.append((_bytes(member), float(score)))

    def start_hash(self, key: Any, length: int, expiry: datetime | None, info: Any) -> None:
        self._start(HASH, key, expiry)

    def hset(self, key: Any, field: Any, value: Any) -> None:
        self.value.append(HashField(_bytes(field), _bytes(value), None))

    def _start(self, kind: str, key: Any, expiry: datetime | None) -> None:
        self.type, self.key = kind, _bytes(key)
        if expiry is not None:
            self.expire_at = (expiry - _EPOCH) // timedelta(milliseconds=1)

    def _nothing(self, *_: Any, **__: Any) -> None:
        """What else rdbtools says is known from the index."""

    start_rdb = end_rdb = start_database = end_database = db_size = aux_field = _nothing
    end_list = end_set = end_sorted_set = end_hash = _nothing


def _bytes(value: Any) -> bytes:
    """What Redis packed as a number comes as one."""
    return value if isinstance(value, bytes) else b"%d" % value


def _refused(known: KeyRow | Undecodable, entry: bytes, reason: str) -> Undecodable:
    return Undecodable.of(known.db, known.key, known.type, known.expire_at, reason, entry)
