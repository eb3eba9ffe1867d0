"""MapPostgres: rows become memories, foreign keys become edges.

    mapped = pages | MapPostgres(mapping)

A row's memory holds all of its columns as the server's JSON; JSON columns stand in it parsed,
under their own names, so that a document's keys can never overwrite a column. Each foreign key
whose columns are all set becomes one edge from the row to the row it refers to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from io_connectors.pages import DeadLetter, EdgePage, MappedPage, MemoryPage, SourcePage
from io_connectors.postgresql.reads import UNREPRESENTABLE_TIME, RowLayout
from transforms.mapping.checks import why_refused
from transforms.mapping.ids import IdForm
from transforms.mapping.map_pages import MapPages

SYSTEM = "postgresql"

Columns = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class ReferenceMapping:
    """How one foreign key becomes edges.

    Attributes:
        type: The edge's type: the constraint's name.
        origin: The group in which its edges and orphans are counted.
        columns: The child's columns, in the constraint's order.
        target: The form of the parent's ids.
        target_space: The parent's space.
        order: For each of the parent's key columns, which of the child's columns spells it;
            unused where the parent's key was read along with the row.
        weight: Of every edge.
    """

    type: str
    origin: str
    columns: tuple[str, ...]
    target: IdForm
    target_space: str
    order: tuple[int, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How the rows of one relation become memories.

    Attributes:
        table: ``schema.table``.
        space: The memory space.
        form: The form of its ids.
        layout: What a fetched row's columns mean.
        references: Its foreign keys, as in the layout.
        confidence: Of every memory; a row without text gets LOW when it is embedded.
        activation: Of every memory.
        decay_rate: Of every memory, per hour.
        content_limit: Bytes of content beyond which a row is refused rather than cut.
    """

    table: str
    space: str
    form: IdForm
    layout: RowLayout
    references: tuple[ReferenceMapping, ...]
    confidence: float
    activation: float
    decay_rate: float
    content_limit: int


PostgresMapping = Mapping[str, TableMapping]


class MapPostgres(MapPages):
    """``SourcePage`` → ``MappedPage``; rows that cannot be mapped become dead letters.

    Args:
        mapping: For each relation, how its rows become memories.
    """

    def __init__(self, mapping: PostgresMapping) -> None:
        super().__init__("Rows to memories and edges", partial(_map_relation, mapping=mapping))


def _map_relation(page: SourcePage, mapping: PostgresMapping) -> MappedPage:
    return map_page(page, mapping[page.relation])


def map_page(page: SourcePage, mapping: TableMapping) -> MappedPage:
    """The memories, edges and dead letters of one page of rows."""
    columns = _columns(page.rows, mapping.layout)
    layout = mapping.layout
    ids = mapping.form.ids(columns[layout.key])
    refused = why_refused(columns[layout.content], mapping.content_limit)
    letters = [
        _dead_letter(page, mapping, ids[row], columns[layout.content][row], refused[row]) for row in refused
    ]
    if refused:
        kept = [row for row in range(len(ids)) if row not in refused]
        ids = [ids[row] for row in kept]
        columns = [[column[row] for row in kept] for column in columns]
    times = columns[layout.created_at]
    created_at = [None if time == UNREPRESENTABLE_TIME else time for time in times]
    return MappedPage(
        page.page_id,
        _memories(ids, columns, created_at, mapping),
        _edges(ids, columns, created_at, mapping),
        (*page.dead_letters, *letters),
        omitted_times=sum(time == UNREPRESENTABLE_TIME for time in times),
    )


def _columns(rows: Sequence[tuple[Any, ...]], layout: RowLayout) -> Columns:
    if rows:
        return list(zip(*rows, strict=True))
    last = layout.created_at + 1
    for mine, theirs in layout.references:
        last = (theirs or mine).stop
    return [()] * last


def _memories(
    ids: list[str], columns: Columns, created_at: list[int | None], mapping: TableMapping
) -> MemoryPage:
    layout, n = mapping.layout, len(ids)
    key = columns[layout.key]
    return MemoryPage(
        ids=ids,
        spaces=[mapping.space] * n,
        contents=list(columns[layout.content]),
        texts=list(columns[layout.text]),
        confidence=[mapping.confidence] * n,
        activation=[mapping.activation] * n,
        decay_rate=[mapping.decay_rate] * n,
        created_at=created_at,
        system=SYSTEM,
        kinds=[mapping.table] * n,
        keys=list(key[0]) if len(key) == 1 else [orjson.dumps(k).decode() for k in zip(*key, strict=True)],
    )


def _edges(ids: list[str], columns: Columns, created_at: list[int | None], mapping: TableMapping) -> EdgePage:
    edges = EdgePage()
    for reference, (mine, theirs) in zip(mapping.references, mapping.layout.references, strict=True):
        child = columns[mine]
        rows = _referring(child)
        parent = columns[theirs] if theirs is not None else [child[i] for i in reference.order]
        keys = [[column[row] for row in rows] for column in parent]
        _append(edges, reference, [ids[row] for row in rows], mapping.space, _targets(reference.target, keys))
        edges.created_at += [created_at[row] for row in rows]
        edges.properties += _properties(
            reference.columns, [[column[row] for row in rows] for column in child]
        )
    return edges


def _referring(child: Columns) -> Sequence[int]:
    """Rows whose reference is complete: with MATCH SIMPLE a NULL anywhere means none."""
    if len(child) == 1:
        return [row for row, value in enumerate(child[0]) if value is not None]
    return [row for row, values in enumerate(zip(*child, strict=True)) if None not in values]


def _targets(form: IdForm, keys: Sequence[Sequence[str | None]]) -> list[str | None]:
    """The parents' ids; None where the parent row was looked up and is not there."""
    if not any(None in column for column in keys):
        return list(form.ids(keys))  # type: ignore[arg-type]
    return [None if None in key else form.id(key) for key in zip(*keys, strict=True)]


def _append(
    edges: EdgePage, reference: ReferenceMapping, sources: list[str], space: str, targets: list[str | None]
) -> None:
    n = len(sources)
    suffix = f"#{reference.type}"
    edges.ids += [source + suffix for source in sources]
    edges.sources += sources
    edges.source_spaces += [space] * n
    edges.targets += targets
    edges.target_spaces += [reference.target_space] * n
    edges.types += [reference.type] * n
    edges.origins += [reference.origin] * n
    edges.weights += [reference.weight] * n


def _properties(names: tuple[str, ...], values: Columns) -> list[str | None]:
    """The referring columns with their values, as JSON."""
    if len(names) == 1:
        start = f"{{{orjson.dumps(names[0]).decode()}:"
        return [f"{start}{orjson.dumps(value).decode()}}}" for value in values[0]]
    return [orjson.dumps(dict(zip(names, row, strict=True))).decode() for row in zip(*values, strict=True)]


def _dead_letter(
    page: SourcePage, mapping: TableMapping, memory_id: str, content: str, reason: str
) -> DeadLetter:
    return DeadLetter(
        stage="map",
        page_id=page.page_id,
        kind=mapping.table,
        key=memory_id,
        reason=reason,
        suggestion="repair the row in the source, then run `engram-migrate replay`",
        record=content,
    )
