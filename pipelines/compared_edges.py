"""An edge as the source would make it now, beside the one that the target gives back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from engram_store.model import Edge
from engram_store.moments import rfc3339
from io_connectors.engram.home import MemoryReader
from io_connectors.pages import EdgePage
from pipelines.terminal import quoted


def edges_of(page: EdgePage, space: str, id: str) -> Iterator[Edge]:
    """The edges of a page that leave a memory, as the store would give them back."""
    for row, source in enumerate(page.sources):
        if source == id and page.source_spaces[row] == space:
            yield edge_at(page, row)


def edge_at(page: EdgePage, row: int) -> Edge:
    """An edge of a page, as the store would give it back."""
    return Edge(
        id=page.ids[row],
        source=page.sources[row],
        source_space=page.source_spaces[row],
        target=page.targets[row] or "",
        target_space=page.target_spaces[row],
        type=page.types[row],
        weight=float(np.float32(page.weights[row])),
        created_at=rfc3339(page.created_at[row]),
        properties=page.properties[row],
    )


def edge_line(edge: Edge) -> str:
    """An edge as a person reads it."""
    return f"{edge.type} → {target_of(edge)}, weight {edge.weight:.2f}"


def source_of(edge: Edge) -> str:
    """The memory that an edge leaves."""
    return f"{edge.source_space}/{edge.source}"


def target_of(edge: Edge) -> str:
    """The memory that an edge reaches, in words where the source has none."""
    return f"{edge.target_space}/{edge.target}" if edge.target else "a record that is not there"


def served_edge(reader: MemoryReader, edge: Edge) -> Edge | None:
    """The edge of the same id that the target has at one of the two ends, or None."""
    for space, id in _ends(edge):
        for found in reader.edges(space, id, "both"):
            if found.id == edge.id:
                return found
    return None


def missing_ends(reader: MemoryReader, edge: Edge) -> list[tuple[str, str]]:
    """Space and id of those ends of an edge that are not there; no id where the source shows none."""
    return [(space, id) for space, id in _ends(edge) if not id or reader.get(space, id) is None]


def edge_differences(wanted: Edge, found: Edge) -> list[str]:
    """What differs between an edge as the source has it and the one that is served, in words."""
    there = _fields(found)
    return [
        f"{name} is {quoted(there[name])}, and the source has {quoted(value)}"
        for name, value in _fields(wanted).items()
        if value != there[name]
    ]


def _ends(edge: Edge) -> list[tuple[str, str]]:
    """Space and id of both ends; once of a loop."""
    return list(dict.fromkeys([(edge.source_space, edge.source), (edge.target_space, edge.target)]))


def _fields(edge: Edge) -> dict[str, Any]:
    return {
        "source": source_of(edge),
        "target": target_of(edge),
        "type": edge.type,
        "weight": edge.weight,
        "created_at": edge.created_at,
        "properties": edge.properties,
    }
