"""Nodes become memories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from io_connectors.neo4j.rows import NodeRow
from io_connectors.pages import EdgePage, MappedPage, MemoryPage, SourcePage
from transforms.mapping.graph_choices import GraphChoices, GraphMapping
from transforms.mapping.graph_names import REMEMBERED, NodeName, NodeNames
from transforms.mapping.graph_refusals import node_letter
from transforms.mapping.graph_text import TextPlan, plan_text
from transforms.mapping.graph_times import TimePlan, plan_time
from transforms.mapping.graph_values import node_content
from transforms.mapping.refusals import written
from transforms.mapping.times import OUT_OF_RANGE

SYSTEM = "neo4j"


def map_nodes(page: SourcePage, mapping: GraphMapping) -> MappedPage:
    """The memories and dead letters of one page of nodes."""
    rows = cast(Sequence[NodeRow], page.rows)
    kept, contents, refused = written(rows, _content, mapping.choices.content_limit)
    letters = [node_letter(page.page_id, rows[at], reason) for at, reason in refused.items()]
    memories = _memories(kept, contents, mapping.choices)
    omitted = memories.created_at.count(OUT_OF_RANGE)
    if omitted:
        memories.created_at = [None if time == OUT_OF_RANGE else time for time in memories.created_at]
    return MappedPage(
        page.page_id, memories, EdgePage(), (*page.dead_letters, *letters), omitted_times=omitted
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """What nodes of one combination of labels and properties have in common."""

    name: NodeName
    text: TextPlan
    time: TimePlan


class _Shapes:
    """Shapes, each worked out once a page."""

    def __init__(self, choices: GraphChoices) -> None:
        self._choices = choices
        self._names = NodeNames(choices)
        self._remembered = lru_cache(REMEMBERED)(self._shape)

    def of(self, row: NodeRow) -> _Shape:
        return self._remembered(tuple(row.labels), tuple(row.keys))

    def _shape(self, labels: tuple[str, ...], keys: tuple[str, ...]) -> _Shape:
        choices = self._choices
        primary = choices.primary_label(labels)
        ranked = sorted(labels, key=lambda label: (label != primary, label))
        text = plan_text(ranked, keys, choices.text_properties)
        return _Shape(self._names.of(labels), text, plan_time(ranked, keys, choices.time_properties))


def _content(row: NodeRow) -> str:
    return node_content(row.labels, row.keys, row.values)


def _memories(rows: Sequence[NodeRow], contents: list[str], choices: GraphChoices) -> MemoryPage:
    n, shapes = len(rows), _Shapes(choices)
    shaped = [(row, shapes.of(row)) for row in rows]
    return MemoryPage(
        ids=[shape.name.id(row.id, row.identities) for row, shape in shaped],
        spaces=[shape.name.space for _, shape in shaped],
        contents=contents,
        texts=[shape.text.text(row.values) for row, shape in shaped],
        confidence=[choices.confidence] * n,
        activation=[choices.activation] * n,
        decay_rate=[choices.decay_rate] * n,
        created_at=[shape.time.time(row.values) for row, shape in shaped],
        system=SYSTEM,
        kinds=[shape.name.kind for _, shape in shaped],
        keys=[str(row.id) for row in rows],
    )
