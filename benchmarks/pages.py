"""Mapped pages made of texts alone, for what comes after mapping."""

from __future__ import annotations

from collections.abc import Sequence

from io_connectors.pages import EdgePage, MappedPage, MemoryPage


def page_of(
    page_id: str, texts: Sequence[str | None], contents: Sequence[str] | None = None, confidence: float = 0.5
) -> MappedPage:
    """A page of one record a text, each with an edge from it to the record before."""
    size = len(texts)
    ids = [f"{page_id}_{number}" for number in range(size)]
    memories = MemoryPage(
        ids=ids,
        spaces=["notes"] * size,
        contents=list(contents) if contents else [f'{{"n":{number}}}' for number in range(size)],
        texts=list(texts),
        confidence=[confidence] * size,
        activation=[1.0] * size,
        decay_rate=[0.0] * size,
        created_at=[None] * size,
        system="postgresql",
        kinds=["note"] * size,
        keys=[str(number) for number in range(size)],
    )
    return MappedPage(page_id, memories, _edges(ids))


def _edges(ids: list[str]) -> EdgePage:
    sources, targets = ids[1:], ids[:-1]
    size = len(sources)
    return EdgePage(
        ids=[f"{source}→" for source in sources],
        sources=sources,
        source_spaces=["notes"] * size,
        targets=[*targets],
        target_spaces=["notes"] * size,
        types=["follows"] * size,
        origins=["note.follows"] * size,
        weights=[0.8] * size,
        created_at=[None] * size,
        properties=[None] * size,
    )
