"""MapRedis: keys become memories; fields of hashes and members of zsets too, if that is chosen.

    mapped = pages | MapRedis(mapping)

A key's memory holds its type and its value as JSON without loss (``keyspace_values``), in bytes
that do not depend on whether it was read from a dump, an append-only file or a live server. Keys
whose time to live was over are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import orjson

from io_connectors.pages import DeadLetter, EdgePage, MappedPage, MemoryPage, SourcePage
from io_connectors.redis.rows import JSON, KeyRow
from transforms.mapping.keyspace_choices import KeyspaceMapping
from transforms.mapping.keyspace_expiry import decay_of, still_there
from transforms.mapping.keyspace_names import first_matches, memory_id, source_key
from transforms.mapping.keyspace_parts import add_parts
from transforms.mapping.keyspace_text import memory_text
from transforms.mapping.keyspace_values import Memory, key_memories, memory_content
from transforms.mapping.map_pages import MapPages
from transforms.mapping.refusals import refusal, written

SYSTEM = "redis"


class MapRedis(MapPages):
    """``SourcePage`` → ``MappedPage``; keys that cannot be mapped become dead letters.

    Args:
        mapping: How keys become memories and edges.
    """

    def __init__(self, mapping: KeyspaceMapping) -> None:
        super().__init__("Keys to memories and edges", partial(map_page, mapping=mapping))


def map_page(page: SourcePage, mapping: KeyspaceMapping) -> MappedPage:
    """The memories, edges and dead letters of one page of keys."""
    rows = cast(Sequence[KeyRow], page.rows)
    there = still_there(rows, mapping.as_of)
    remembered = key_memories(there)
    found, contents, refused = written(remembered, memory_content, mapping.choices.content_limit)
    kept = [row for at, row in enumerate(there) if at not in refused]
    letters = [
        _letter(page.page_id, there[at], remembered[at], reason, mapping) for at, reason in refused.items()
    ]
    memories, edges = _memories(kept, found, contents, mapping), EdgePage()
    add_parts(memories, edges, kept, mapping)
    return MappedPage(
        page.page_id,
        memories,
        edges,
        (*page.dead_letters, *letters),
        expired=page.gone + len(rows) - len(there),
        derived=len(memories) - len(kept),
    )


def _memories(
    rows: Sequence[KeyRow], found: Sequence[Memory], contents: list[str], mapping: KeyspaceMapping
) -> MemoryPage:
    n, choices = len(rows), mapping.choices
    names = [row.key for row in rows]
    keys = [source_key(row, mapping.several_databases) for row in rows]
    text_fields = first_matches(names, choices.text_fields, None)
    return MemoryPage(
        ids=[memory_id(key) for key in keys],
        spaces=first_matches(names, choices.key_spaces, choices.memory_space),
        contents=contents,
        texts=list(map(memory_text, map(_readable, found, contents), text_fields)),
        confidence=[choices.confidence] * n,
        activation=[choices.activation] * n,
        decay_rate=[decay_of(row.expire_at, mapping) for row in rows],
        created_at=[None] * n,
        system=SYSTEM,
        kinds=[row.type for row in rows],
        keys=keys,
    )


def _readable(memory: Memory, content: str) -> Memory:
    """A key's memory to be read as text; that of a JSON document holds it as it will be written."""
    return orjson.loads(content) if memory["type"] == JSON else memory


def _letter(page_id: str, row: KeyRow, memory: Memory, reason: str, mapping: KeyspaceMapping) -> DeadLetter:
    record = orjson.dumps(memory).decode()
    return refusal(page_id, row.type, source_key(row, mapping.several_databases), reason, record)
