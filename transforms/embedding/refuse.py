"""Taking refused records out of a page, with the edges that start at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TypeVar

from engram_store.errors import EmbeddingError
from io_connectors.pages import DeadLetter, EdgePage, MappedPage, MemoryPage

_Columns = TypeVar("_Columns", MemoryPage, EdgePage)


def without(page: MappedPage, refused: Mapping[int, EmbeddingError]) -> MappedPage:
    """A page without some of its records, which become dead letters.

    Args:
        page: A page, not yet embedded.
        refused: Why, by position in the page's memories.
    """
    memories, edges = page.memories, page.edges
    gone = {(memories.spaces[at], memories.ids[at]) for at in refused}
    starts = zip(edges.source_spaces, edges.sources, strict=True)
    return replace(
        page,
        memories=_kept(memories, [at for at in range(len(memories)) if at not in refused]),
        edges=_kept(edges, [at for at, start in enumerate(starts) if start not in gone]),
        dead_letters=(*page.dead_letters, *_letters(page, refused)),
    )


def _kept(columns: _Columns, positions: Sequence[int]) -> _Columns:
    kept = replace(columns)
    for column in fields(columns):
        if isinstance(values := getattr(columns, column.name), list):
            setattr(kept, column.name, [values[at] for at in positions])
    return kept


def _letters(page: MappedPage, refused: Mapping[int, EmbeddingError]) -> Iterable[DeadLetter]:
    memories = page.memories
    for at, error in sorted(refused.items()):
        yield DeadLetter(
            stage="embed",
            page_id=page.page_id,
            kind=memories.kinds[at],
            key=memories.keys[at],
            reason=f"{error.what} ({error.why})" if error.why else error.what,
            suggestion=error.suggestion,
            record=memories.contents[at],
        )
