"""Pages as they come to be written, made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engram_store.wire import WirePage, pack_page
from io_connectors.pages import DeadLetter, EdgePage, EmbeddingCounts, MappedPage, MemoryPage
from tests.store.synthetic import Link, edges, memories, receipt, vectors

Edge = tuple[str, str | None]


def mapped(
    page_id: str,
    ids: Sequence[str],
    links: Sequence[Edge] = (),
    *,
    space: str = "users",
    content: str = '{"name": "Ann"}',
    letters: Sequence[DeadLetter] = (),
) -> MappedPage:
    """A page of memories of one space, with edges between (source, target)."""
    n = len(ids)
    memory_page = MemoryPage(
        ids=list(ids),
        spaces=[space] * n,
        contents=[content] * n,
        texts=["Ann"] * n,
        confidence=[0.9] * n,
        activation=[0.5] * n,
        decay_rate=[0.01] * n,
        created_at=[1_700_000_000_123_456] * n,
        system="postgresql",
        kinds=["users"] * n,
        keys=list(ids),
        embeddings=vectors(ids),
    )
    m = len(links)
    edge_page = EdgePage(
        ids=[f"{page_id}-{row}" for row in range(m)],
        sources=[source for source, _ in links],
        source_spaces=[space] * m,
        targets=[target for _, target in links],
        target_spaces=[space] * m,
        types=["KNOWS"] * m,
        origins=["fk"] * m,
        weights=[0.8] * m,
        created_at=[None] * m,
        properties=['{"since": 1}'] * m,
    )
    return MappedPage(page_id, memory_page, edge_page, tuple(letters), embedding=EmbeddingCounts(n, n, 0, 0))


def letter(page_id: str, key: str) -> DeadLetter:
    """A refused record."""
    return DeadLetter("map", page_id, "users", key, "it has no name", "give it one", '{"name": null}')


def packed(**changes: Any) -> bytes:
    """The body that brings page `p`; ``changes`` spoil its receipt."""
    batch, links = memories(["a", "b"]), edges([Link("e", "a", "b")])
    proof = replace(receipt("p", batch, links), **changes)
    return pack_page(WirePage(batch, links, proof, {"map": []}))
