"""What a key's memory is called and where it goes.

With one database the id is ``redis_<key>``, with several ``redis_<database>_<key>``; a number
has no ``_``, so that the first one behind it begins the key. Keys are spelled as
``io_connectors.redis.spelling`` says, which no two keys share. The memory of a hash's field or a
zset's member is called by its key's id, ``%#`` and the field or member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from io_connectors.redis.globs import glob
from io_connectors.redis.rows import KeyRow
from io_connectors.redis.spelling import PART, spelled

T = TypeVar("T")
U = TypeVar("U")


def source_key(row: KeyRow, several_databases: bool) -> str:
    """What names the key in the source: its spelling, behind its database where that is needed."""
    return f"{row.db}_{spelled(row.key)}" if several_databases else spelled(row.key)


def memory_id(source: str) -> str:
    """The id of the memory of a key, or of a part of it, that is so called in the source."""
    return f"redis_{source}"


def part_key(source: str, name: bytes) -> str:
    """What names a field or member in the source; ``source`` names its key."""
    return f"{source}{PART}{spelled(name)}"


def first_matches(keys: Sequence[bytes], chosen: Mapping[str, T], otherwise: U) -> list[T | U]:
    """For each key, what was said of the first pattern that it matches, or ``otherwise``."""
    if not chosen:
        return [otherwise] * len(keys)
    return [_first_match(key, chosen, otherwise) for key in keys]


def _first_match(key: bytes, chosen: Mapping[str, T], otherwise: U) -> T | U:
    return next((value for pattern, value in chosen.items() if glob(pattern).fullmatch(key)), otherwise)
