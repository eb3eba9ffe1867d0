"""A memory or an edge made once more: its page is read and mapped again, and its record picked out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from io_connectors.pages import MappedPage

if TYPE_CHECKING:
    from pipelines.planned import PlannedSource
    from pipelines.traced import Place

#: The spaces and ids of what a page became.
Names = Callable[[MappedPage], Iterable[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Reread:
    """A record, read and mapped again.

    Attributes:
        page: The page in which it was found.
        row: As the source gave it.
        mapped: What it became: a page of its own.
        at: The position there of the memory, or the edge, that was asked for.
    """

    page: str
    row: Any
    mapped: MappedPage
    at: int


def memory_names(page: MappedPage) -> Iterable[tuple[str, str]]:
    """The spaces and ids of a page's memories."""
    return zip(page.memories.spaces, page.memories.ids, strict=True)


def edge_names(page: MappedPage) -> Iterable[tuple[str, str]]:
    """The spaces that a page's edges leave from, and their ids."""
    return zip(page.edges.source_spaces, page.edges.ids, strict=True)


def reread(source: PlannedSource, place: Place, names: Names) -> Reread | None:
    """Reads the page of a memory or an edge again and picks its record, or None if it is not there.

    A page that changed meanwhile has another name; then the pages that are new are looked through.

    Args:
        source: The source, planned on the boundaries of the run.
        place: Where it was written.
        names: Names what was asked for, memories or edges.
    """
    known, wanted = place.run.page_ids(), (place.space, place.id)
    pages = [place.page] if place.page in source.page_rows else []
    reading = source.read(pages or [page for page in source.page_rows if page not in known])
    for page in reading.pages():
        # The page as a whole tells at once whether it has the record, its rows which it is.
        if wanted not in names(reading.mapped(page)):
            continue
        for row in page.rows:
            mapped = reading.mapped(replace(page, rows=(row,), dead_letters=(), gone=0))
            at = next((at for at, found in enumerate(names(mapped)) if found == wanted), None)
            if at is not None:
                return Reread(page.page_id, row, mapped, at)
    return None
