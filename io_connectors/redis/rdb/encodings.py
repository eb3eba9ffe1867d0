"""Which type byte means what: how it is decoded, how it is skipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from io_connectors.redis.rdb import hashes, lists, skip, streams, zsets
from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.lengths import counted_strings_at, string_at
from io_connectors.redis.rdb.listpack import listpack
from io_connectors.redis.rdb.modules import module_at
from io_connectors.redis.rdb.ziplist import ziplist, zipmap
from io_connectors.redis.rows import HASH, JSON, LIST, SET, STREAM, STRING, ZSET

#: The type byte of a value that says itself which module it belongs to.
MODULE = 7


class Encoding(NamedTuple):
    """One way in which a value is saved.

    Attributes:
        type: Its type, as of ``KeyRow``.
        decode: ``(buffer, position)`` to the value and the position behind it.
        skip: ``(window, position)`` to the position behind the value.
    """

    type: str
    decode: Callable[[bytes, int], tuple[Any, int]]
    skip: skip.Step


def _old_module(source: object, position: int) -> NoReturn:
    raise Broken("values of modules from before Redis 4.0.0 can only be read by their module")


_BOTH: dict[int, Encoding] = {
    0: Encoding(STRING, string_at, skip.string),
    1: Encoding(LIST, counted_strings_at, skip.strings(1)),
    2: Encoding(SET, counted_strings_at, skip.strings(1)),
    3: Encoding(ZSET, zsets.scored_text_at, skip.repeated(skip.string, skip.score)),
    4: Encoding(HASH, hashes.hash_at, skip.strings(2)),
    5: Encoding(ZSET, zsets.scored_at, skip.strings(1, 8)),
    6: Encoding("module", _old_module, _old_module),
    MODULE: Encoding(JSON, module_at, skip.module),
    9: Encoding(HASH, hashes.hash_packed_at(zipmap), skip.string),
    10: Encoding(LIST, lists.packed_at(ziplist), skip.string),
    11: Encoding(SET, lists.packed_at(lists.intset), skip.string),
    12: Encoding(ZSET, zsets.scored_packed_at(ziplist), skip.string),
    13: Encoding(HASH, hashes.hash_packed_at(ziplist), skip.string),
    14: Encoding(LIST, lists.quicklist_at, skip.strings(1)),
    15: Encoding(STREAM, streams.stream_at(1), skip.stream(1)),
    16: Encoding(HASH, hashes.hash_packed_at(listpack), skip.string),
    17: Encoding(ZSET, zsets.scored_packed_at(listpack), skip.string),
    18: Encoding(LIST, lists.quicklist2_at, skip.repeated(skip.length, skip.string)),
    19: Encoding(STREAM, streams.stream_at(2), skip.stream(2)),
    20: Encoding(SET, lists.packed_at(listpack), skip.string),
    21: Encoding(STREAM, streams.stream_at(3), skip.stream(3)),
}

#: Redis, to version 13.
REDIS = {
    **_BOTH,
    22: Encoding(HASH, hashes.expiring_pre_ga_at, skip.repeated(skip.length, skip.string, skip.string)),
    23: Encoding(HASH, hashes.expiring_packed_pre_ga_at, skip.string),
    24: Encoding(
        HASH,
        hashes.expiring_at,
        skip.sequence(skip.fixed(8), skip.repeated(skip.length, skip.string, skip.string)),
    ),
    25: Encoding(HASH, hashes.expiring_packed_at, skip.sequence(skip.fixed(8), skip.string)),
    26: Encoding(STREAM, streams.stream_at(4), skip.stream(4)),
}

#: Valkey, from version 80.
VALKEY = {
    **_BOTH,
    22: Encoding(HASH, hashes.expiring_valkey_at, skip.repeated(skip.string, skip.string, skip.fixed(8))),
}
