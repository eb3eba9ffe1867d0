"""A memory as the source would make it now, beside the one that the target gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from engram_store.model import Edge, Memory
from engram_store.moments import rfc3339
from engram_store.vectors import Vectors
from io_connectors.engram.home import MemoryReader, TargetRun
from io_connectors.pages import MappedPage, MemoryPage
from pipelines.compared_edges import edge_differences, edge_line, edges_of, missing_ends
from pipelines.terminal import quoted

#: Two answers of one remote model to one text may differ in the last digits.
_SAME = 0.9999


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing one memory came to.

    Attributes:
        differences: What differs, in words.
        orphans: Its edges whose other end is not there, in words; they are not served, by intent.
        edges: Its edges that are as they should be.
    """

    differences: tuple[str, ...]
    orphans: tuple[str, ...]
    edges: int


def compare(reader: MemoryReader, run: TargetRun, mapped: MappedPage, at: int) -> Compared:
    """Compares a memory of an embedded page, and its edges, with what the target gives back.

    Args:
        reader: What readers see.
        run: The run that wrote it.
        mapped: The page, as read again.
        at: The memory's position in it.
    """
    space, id = mapped.memories.spaces[at], mapped.memories.ids[at]
    manifest = run.manifest
    # As of then, its activation has not faded yet.
    found = reader.get(space, id, datetime.fromisoformat(manifest["started_at"]))
    if found is None:
        return Compared((f"{space}/{id} is not served any more",), (), 0)
    wanted, there = _wanted(mapped.memories, at), _there(found)
    differences = [
        f"{name} is {quoted(there[name])}, and the source has {quoted(wanted[name])}"
        for name in wanted
        if wanted[name] != there[name]
    ]
    assert mapped.memories.embeddings is not None
    vector = mapped.memories.embeddings[at].astype(manifest["vector_type"]).astype(np.float32)
    differences += _vectors_apart(vector, reader.embedding(space, id))
    served = {edge.id: edge for edge in reader.edges(space, id, "out")}
    missing = [edge for edge in edges_of(mapped.edges, space, id) if edge != served.get(edge.id)]
    orphans = [edge for edge in missing if edge.id not in served and missing_ends(reader, edge)]
    differences += [_edge_apart(edge, served.get(edge.id)) for edge in missing if edge not in orphans]
    right = sum(1 for _ in edges_of(mapped.edges, space, id)) - len(missing)
    return Compared(tuple(differences), tuple(map(edge_line, orphans)), right)


def _wanted(page: MemoryPage, at: int) -> dict[str, Any]:
    return {
        "content": page.contents[at],
        "confidence": float(np.float32(page.confidence[at])),
        "activation": float(np.float32(page.activation[at])),
        "decay rate": float(np.float32(page.decay_rate[at])),
        "created_at": rfc3339(page.created_at[at]),
        "source": f"{page.system} {page.kinds[at]} [{page.keys[at]}]",
    }


def _there(memory: Memory) -> dict[str, Any]:
    return {
        "content": memory.content,
        "confidence": memory.confidence,
        "activation": memory.activation,
        "decay rate": memory.decay_rate,
        "created_at": memory.created_at,
        "source": f"{memory.source.system} {memory.source.kind} [{memory.source.key}]",
    }


def _vectors_apart(wanted: Vectors, found: Vectors | None) -> Iterator[str]:
    if found is None:
        yield "embedding cannot be read"
    elif not np.array_equal(wanted, found):
        scale = float(np.linalg.norm(wanted) * np.linalg.norm(found))
        cosine = float(wanted @ found) / scale if scale else 0.0
        if not cosine >= _SAME:
            yield f"embedding differs from that of the text above (cosine {cosine:.4f})"


def _edge_apart(wanted: Edge, found: Edge | None) -> str:
    if found is None:
        return f"the edge {edge_line(wanted)} is missing"
    return f"the edge {wanted.id}: {'; '.join(edge_differences(wanted, found))}"
