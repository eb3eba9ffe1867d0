"""What a key's memory is called and where it goes.

With one database the id is ``redis_<key>``, with several ``redis_<database>_<key>``; a number
has no ``_``, so that the first one behind it begins the key. Keys are spelled as
``io_connectors.redis.spelling`` says, which no two keys share. The memory of a hash's field or a
zset's member is called by its key's id, ``%#`` and the field or member.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from io_connectors.redis.globs import glob
from io_connectors.redis.rows import KeyRow
from io_connectors.redis.spelling import PART, spelled
from transforms.mapping.keyspace_choices import KeyspaceChoices

T = TypeVar("T")


def source_key(row: KeyRow, several_databases: bool) -> str:
    """What names the key in the source: its spelling, behind its database where that is needed."""
    return f"{row.db}_{spelled(row.key)}" if several_databases else spelled(row.key)


def memory_id(source: str) -> str:
    """The id of the memory of a key, or of a part of it, that is so called in the source."""
    return f"redis_{source}"


def part_key(source: str, name: bytes) -> str:
    """What names a field or member in the source; ``source`` names its key."""
    return f"{source}{PART}{spelled(name)}"


def space_of(key: bytes, choices: KeyspaceChoices) -> str:
    """The space of a key's memory."""
    return first_match(key, choices.key_spaces) or choices.memory_space


def first_match(key: bytes, chosen: Mapping[str, T]) -> T | None:
    """What was said of the first pattern that a key matches."""
    for pattern, value in chosen.items():
        if glob(pattern).fullmatch(key):
            return value
    return None
