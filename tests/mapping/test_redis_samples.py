"""Every key of the sample dumps, as the servers told it, into memories and back."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from io_connectors.pages import SourcePage
from io_connectors.redis.rows import (
    HASH,
    LIST,
    SET,
    STREAM,
    STRING,
    ZSET,
    HashField,
    KeyRow,
    Stream,
    StreamEntry,
)
from tests.mapping.test_keyspace_values import decoded, exact
from transforms.mapping.keyspace_choices import KEYS, KeyspaceChoices, KeyspaceMapping
from transforms.mapping.redis import map_page

#: Before any time to live in the samples is over.
AS_OF = 1_000_000_000_000


@pytest.fixture(scope="module")
def sampled(samples: Path) -> dict[str, list[KeyRow]]:
    """File → its keys, modules left out."""
    with gzip.open(samples / "redis" / "expected_values.json.gz") as packed:
        files = json.load(packed)
    return {name: list(_rows(databases)) for name, databases in files.items()}


def test_every_key_is_one_memory_and_keeps_its_value(sampled: dict[str, list[KeyRow]]) -> None:
    mapping = KeyspaceMapping(KeyspaceChoices(), AS_OF, several_databases=True)
    for name, rows in sampled.items():
        page = map_page(SourcePage(name, KEYS, rows), mapping)
        assert (page.dead_letters, page.expired, page.derived) == ((), 0, 0)
        assert len(set(page.memories.ids)) == len(rows)
        for row, content in zip(rows, page.memories.contents, strict=True):
            found = decoded(json.loads(content))
            assert exact(row.type, found) == exact(row.type, row.value), (name, row.key)
    assert sum(map(len, sampled.values())) > 2_000


def test_every_part_is_one_memory_and_every_edge_has_its_ends(sampled: dict[str, list[KeyRow]]) -> None:
    choices = KeyspaceChoices(hash_fields_as_memories=True, zset_members_as_memories=True)
    parts = 0
    for name, rows in sampled.items():
        page = map_page(SourcePage(name, KEYS, rows), KeyspaceMapping(choices, AS_OF, True))
        ids = set(page.memories.ids)
        assert len(ids) == len(page.memories)
        assert page.derived == sum(len(row.value) for row in rows if row.type in (HASH, ZSET))
        assert {*page.edges.sources, *page.edges.targets} <= ids
        assert len(set(page.edges.ids)) == len(page.edges)
        assert all(0.0 <= weight <= 1.0 for weight in (*page.edges.weights, *page.memories.activation))
        parts += page.derived
    assert parts > 1_000


def _rows(databases: dict[str, list[list[Any]]]) -> Iterator[KeyRow]:
    for db, keys in databases.items():
        for key, type_, expire_at, value, *expiring in keys:
            if value is not None:
                times = expiring[0] if expiring else {}
                known = expire_at if isinstance(expire_at, int) else None
                yield KeyRow(int(db), bytes.fromhex(key), type_, _value(type_, value, times), known)


def _value(type_: str, value: Any, times: dict[str, int]) -> Any:
    raw = bytes.fromhex
    if type_ == STRING:
        return raw(value)
    if type_ in (LIST, SET):
        return [raw(element) for element in value]
    if type_ == ZSET:
        return [(raw(member), float(score)) for member, score in value]
    if type_ == HASH:
        return [HashField(raw(name), raw(text), times.get(name)) for name, text in value]
    assert type_ == STREAM
    entries = [StreamEntry(id, [(raw(f), raw(v)) for f, v in fields]) for id, fields in value]
    return Stream(entries, "0-0", "0-0", len(entries), [])
