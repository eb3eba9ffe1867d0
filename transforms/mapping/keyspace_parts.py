"""Fields of hashes and members of zsets as memories of their own, beside their key's.

``HAS_FIELD`` leads from a hash to each of its fields, with weight 1. ``HAS_MEMBER`` leads from a
zset to each of its members, with the member's activation as weight; ``NEXT_RANKED`` from each
member to the next in the order of ``ZRANGE``, with weight 1 − the difference of their
activations: the closer their scores, the stronger.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, cast

from io_connectors.pages import EdgePage, MemoryPage
from io_connectors.redis.rows import HASH, ZSET, HashField, KeyRow
from transforms.mapping.keyspace_bytes import json_text
from transforms.mapping.keyspace_choices import KeyspaceMapping
from transforms.mapping.keyspace_expiry import decay_of, earliest
from transforms.mapping.keyspace_names import memory_id, part_key
from transforms.mapping.keyspace_scores import activations
from transforms.mapping.keyspace_text import key_text
from transforms.mapping.keyspace_values import HASH_FIELD, ZSET_MEMBER, by_name, content, ranked
from transforms.mapping.tagged import json_float

HAS_FIELD, HAS_MEMBER, NEXT_RANKED = "HAS_FIELD", "HAS_MEMBER", "NEXT_RANKED"


class _Part(NamedTuple):
    """A field or member, as it will be remembered."""

    name: bytes
    content: str
    activation: float
    expire_at: int | None


def add_parts(
    memories: MemoryPage, edges: EdgePage, rows: Sequence[KeyRow], mapping: KeyspaceMapping
) -> None:
    """Adds what the user chose of the keys' fields and members.

    Args:
        memories: The keys' memories; those of their parts come behind them.
        edges: Gets the edges.
        rows: The keys, one for each memory.
        mapping: How keys become memories.
    """
    choices = mapping.choices
    for at, row in enumerate(rows):
        if row.type == HASH and choices.hash_fields_as_memories:
            parts = _fields(row, choices.activation)
            ids = _add_memories(memories, at, HASH_FIELD, parts, mapping)
            if choices.edges:
                _add_belonging(edges, memories, at, HAS_FIELD, ids, [1.0] * len(ids))
        elif row.type == ZSET and choices.zset_members_as_memories:
            parts = _members(row, choices.activation)
            ids = _add_memories(memories, at, ZSET_MEMBER, parts, mapping)
            if choices.edges:
                shares = [part.activation for part in parts]
                _add_belonging(edges, memories, at, HAS_MEMBER, ids, shares)
                _add_ranking(edges, memories.spaces[at], ids, shares)


def _fields(row: KeyRow, activation: float) -> list[_Part]:
    parts = []
    for name, value, expire_at in by_name(cast("list[HashField]", row.value)):
        goes = earliest(row.expire_at, expire_at)
        written = {"field": json_text(name), "value": json_text(value)}
        parts.append(_Part(name, content(row, HASH_FIELD, written, goes), activation, goes))
    return parts


def _members(row: KeyRow, activation: float) -> list[_Part]:
    members = ranked(cast("list[tuple[bytes, float]]", row.value))
    shares = activations([score for _, score in members], activation)
    parts = []
    for place, ((name, score), share) in enumerate(zip(members, shares, strict=True)):
        written = {"member": json_text(name), "score": json_float(score), "rank": place}
        text = content(row, ZSET_MEMBER, written, row.expire_at)
        parts.append(_Part(name, text, share, row.expire_at))
    return parts


def _add_memories(
    memories: MemoryPage, at: int, kind: str, parts: Sequence[_Part], mapping: KeyspaceMapping
) -> list[str]:
    """Adds the parts of the key at a position; gives their ids."""
    n, keys = len(parts), [part_key(memories.keys[at], part.name) for part in parts]
    ids = [memory_id(key) for key in keys]
    memories.ids += ids
    memories.spaces += [memories.spaces[at]] * n
    memories.contents += [part.content for part in parts]
    memories.texts += [key_text(part.content, None) for part in parts]
    memories.confidence += [mapping.choices.confidence] * n
    memories.activation += [part.activation for part in parts]
    memories.decay_rate += [decay_of(part.expire_at, mapping) for part in parts]
    memories.created_at += [None] * n
    memories.kinds += [kind] * n
    memories.keys += keys
    return ids


def _add_belonging(
    edges: EdgePage, memories: MemoryPage, at: int, type_: str, ids: list[str], weights: list[float]
) -> None:
    """Edges from the key at a position to its parts."""
    _add_edges(edges, memories.spaces[at], type_, [memories.ids[at]] * len(ids), ids, weights)


def _add_ranking(edges: EdgePage, space: str, ids: list[str], shares: list[float]) -> None:
    """Edges from each member to the next."""
    weights = [1.0 - abs(share - after) for share, after in pairwise(shares)]
    _add_edges(edges, space, NEXT_RANKED, ids[:-1], ids[1:], weights)


def _add_edges(
    edges: EdgePage, space: str, type_: str, sources: list[str], targets: list[str], weights: list[float]
) -> None:
    # Of each type, at most one edge ends at a memory.
    n = len(targets)
    edges.ids += [f"{target}#{type_}" for target in targets]
    edges.sources += sources
    edges.source_spaces += [space] * n
    edges.targets += targets
    edges.target_spaces += [space] * n
    edges.types += [type_] * n
    edges.origins += [type_] * n
    edges.weights += weights
    edges.created_at += [None] * n
    edges.properties += [None] * n
