"""A few keys of each type, read and mapped ahead: for the preview, and to foresee memories of parts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import cast

from io_connectors.pages import SourcePage
from io_connectors.redis.keyspace import KEYS, KeyspacePlan
from io_connectors.redis.rows import KeyRow
from pipelines.preview import SAMPLE_RECORDS, PlannedTable
from transforms.mapping.keyspace_choices import KeyspaceMapping
from transforms.mapping.redis import map_page

#: Pages that are read ahead, from all over the keyspace.
_PAGES = 5


def planned_tables(plan: KeyspacePlan, mapping: KeyspaceMapping) -> tuple[PlannedTable, ...]:
    """One table a type, and a database where several are read, with its first keys."""
    begun = time.process_time()
    rows = _sample(plan)
    each = (time.process_time() - begun) / max(1, len(rows))
    return tuple(
        _table(
            db,
            kind,
            count,
            [row for row in rows if (row.db, kind or row.type) == (db, row.type)],
            each,
            mapping,
        )
        for (db, kind), count in sorted(plan.counts.items())
    )


def derived_a_key(plan: KeyspacePlan, mapping: KeyspaceMapping) -> float:
    """Memories of fields and members, on average over sampled keys."""
    if not (mapping.choices.hash_fields_as_memories or mapping.choices.zset_members_as_memories):
        return 0.0
    rows = _sample(plan)
    return map_page(SourcePage("sample", KEYS, rows), mapping).derived / max(1, len(rows))


def _sample(plan: KeyspacePlan) -> list[KeyRow]:
    ids = list(plan.pages)
    rows: list[KeyRow] = []
    with closing(plan.open_reader()) as reader:
        for page_id in ids[:: max(1, len(ids) // _PAGES)]:
            rows += cast("Sequence[KeyRow]", reader.read(page_id, plan.pages[page_id].place).rows)
    return rows


def _table(
    db: int, kind: str, count: int, rows: Sequence[KeyRow], each: float, mapping: KeyspaceMapping
) -> PlannedTable:
    alike = rows[:SAMPLE_RECORDS]
    begun = time.process_time()
    sample = map_page(SourcePage("sample", KEYS, alike), mapping)
    spent = time.process_time() - begun + each * len(alike)
    name = kind or "keys"
    return PlannedTable(
        name=f"{db}:{name}" if mapping.several_databases else name,
        space=", ".join(_distinct(sample.memories.spaces)) or mapping.choices.memory_space,
        rows=count,
        key=("key",),
        text=("key", "value"),
        time="",
        comment="",
        sample=sample,
        read_seconds=spent,
    )


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
