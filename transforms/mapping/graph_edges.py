"""Relationships become edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from io_connectors.neo4j.rows import RelationshipRow
from io_connectors.pages import EdgePage, MappedPage, MemoryPage, SourcePage
from transforms.mapping.graph_choices import GraphMapping
from transforms.mapping.graph_names import RELATIONSHIP, REMEMBERED, NodeNames
from transforms.mapping.graph_refusals import relationship_letter
from transforms.mapping.graph_times import TimePlan, plan_time
from transforms.mapping.graph_values import edge_properties
from transforms.mapping.graph_weights import WeightPlan, plan_weight
from transforms.mapping.refusals import written
from transforms.mapping.times import OUT_OF_RANGE


def mirror_origin(type_: str) -> str:
    """The group in which edges are counted that were added to relationships of a type."""
    return f"{type_} (mirror)"


def map_relationships(page: SourcePage, mapping: GraphMapping) -> MappedPage:
    """The edges and dead letters of one page of relationships."""
    rows = cast(Sequence[RelationshipRow], page.rows)
    kept, properties, refused = written(rows, _properties, mapping.choices.content_limit)
    letters = [relationship_letter(page.page_id, rows[at], reason) for at, reason in refused.items()]
    edges = _edges(kept, properties, mapping)
    omitted = edges.created_at.count(OUT_OF_RANGE)
    if omitted:
        edges.created_at = [None if time == OUT_OF_RANGE else time for time in edges.created_at]
    _add_mirrors(edges, [at for at, row in enumerate(kept) if row.one_way])
    return MappedPage(
        page.page_id, MemoryPage(), edges, (*page.dead_letters, *letters), omitted_times=omitted
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """What relationships of one type and combination of properties have in common."""

    weight: WeightPlan
    time: TimePlan


class _Shapes:
    """Shapes, each worked out once a page."""

    def __init__(self, mapping: GraphMapping) -> None:
        self._mapping = mapping
        self._remembered = lru_cache(REMEMBERED)(self._shape)

    def of(self, row: RelationshipRow) -> _Shape:
        return self._remembered(row.type, tuple(row.keys))

    def _shape(self, type_: str, keys: tuple[str, ...]) -> _Shape:
        times = self._mapping.choices.time_properties
        return _Shape(plan_weight(type_, keys, self._mapping), plan_time((type_,), keys, times))


def _properties(row: RelationshipRow) -> str | None:
    return edge_properties(row.keys, row.values)


def _edges(rows: Sequence[RelationshipRow], properties: list[str | None], mapping: GraphMapping) -> EdgePage:
    names, shapes = NodeNames(mapping.choices), _Shapes(mapping)
    starts = [names.of(row.start_labels) for row in rows]
    ends = [names.of(row.end_labels) for row in rows]
    shaped = [(row, shapes.of(row)) for row in rows]
    types = [row.type for row in rows]
    return EdgePage(
        ids=[f"{RELATIONSHIP}{row.id}" for row in rows],
        sources=[name.id(row.start, row.start_identities) for row, name in zip(rows, starts, strict=True)],
        source_spaces=[name.space for name in starts],
        targets=[name.id(row.end, row.end_identities) for row, name in zip(rows, ends, strict=True)],
        target_spaces=[name.space for name in ends],
        types=types,
        origins=list(types),
        weights=[shape.weight.weight(row.values) for row, shape in shaped],
        created_at=[shape.time.time(row.values) for row, shape in shaped],
        properties=properties,
    )


def _add_mirrors(edges: EdgePage, one_way: Sequence[int]) -> None:
    """Adds the way back to the edges at some positions."""
    if not one_way:
        return
    sources = [cast(str, edges.targets[at]) for at in one_way]
    targets = [edges.sources[at] for at in one_way]
    source_spaces = [edges.target_spaces[at] for at in one_way]
    target_spaces = [edges.source_spaces[at] for at in one_way]
    edges.ids += [f"{edges.ids[at]}_mirror" for at in one_way]
    edges.sources += sources
    edges.source_spaces += source_spaces
    edges.targets += targets
    edges.target_spaces += target_spaces
    edges.types += [edges.types[at] for at in one_way]
    edges.origins += [mirror_origin(edges.types[at]) for at in one_way]
    edges.weights += [edges.weights[at] for at in one_way]
    edges.created_at += [edges.created_at[at] for at in one_way]
    edges.properties += [edges.properties[at] for at in one_way]
