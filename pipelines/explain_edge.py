"""One edge from the record that declares it to what the target gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engram_store.errors import IntegrityError
from engram_store.model import Edge
from io_connectors.engram.home import RunHome
from pipelines.again import kept
from pipelines.compared_edges import (
    edge_at,
    edge_differences,
    missing_ends,
    served_edge,
    source_of,
    target_of,
)
from pipelines.reread import Reread, edge_names, reread
from pipelines.terminal import say, shortened
from pipelines.traced import Name, Place, find_letter


def explain_edge(home: RunHome, runs: Sequence[str], place: Place, flags: Sequence[str]) -> int:
    """Follows one edge from the source to the target, and says what differs.

    Args:
        home: The target.
        runs: The runs in which the dead letters of missing ends are looked for.
        place: Where the edge was written.
        flags: Settings that come on top of the run's own, such as a password.

    Returns:
        0 if the target gives back what the source holds, or keeps the edge out as an orphan; the
        exit code of an integrity error if something differs.

    Raises:
        SourceError: The source cannot be read.
    """
    say(
        [
            f"{place.space}/{place.id}",
            f"  source:  {place.kind}, {place.run.manifest.get('source_shown', '')}",
        ]
    )
    with kept(place.run, home.address, flags) as opened:
        again = reread(opened.source, place, edge_names)
    if again is None:
        say(
            ["  ✗ the source does not have it any more: its record is gone or has expired, or refers to none"]
        )
        return IntegrityError.exit_code
    edge = edge_at(again.mapped.edges, again.at)
    say(_mapped_lines(again, edge))
    say([f"  target:  run {place.run.id}, page {place.page}"])
    with home.reader() as reader:
        found, missing = served_edge(reader, edge), missing_ends(reader, edge)
    if found is None and missing:
        say(f"  orphan, not served: {_why_missing(home, runs, space, id)}" for space, id in missing)
        return 0
    differences = edge_differences(edge, found) if found else ["it is not served"]
    if differences:
        say(f"  ✗ {difference}" for difference in differences)
        return IntegrityError.exit_code
    # The public Engram server has no edges of its own to ask for.
    where = "target" if home.capabilities.edges else "staging store"
    say([f"  ✓ the {where} gives back what the source holds"])
    return 0


def _mapped_lines(again: Reread, edge: Edge) -> Iterator[str]:
    origin = again.mapped.edges.origins[again.at]
    yield f"  page:    {again.page}, read again"
    yield f"  record:  {_record(again, edge)}"
    yield f"  row:     {shortened(repr(tuple(again.row)))}"
    yield f"  edge:    {source_of(edge)} → {target_of(edge)}"
    yield f"  mapped:  type {edge.type}, weight {edge.weight:.2f}, origin {origin}"
    yield f"  created: {edge.created_at or '–'}"
    yield f"  holds:   {shortened(edge.properties or '(no properties)')}"


def _record(again: Reread, edge: Edge) -> str:
    """The record that declares an edge: a row or key, or where that became no memory a relationship."""
    memories = again.mapped.memories
    kind, key = (memories.kinds[0], memories.keys[0]) if len(memories) else (edge.type, again.row[0])
    return f"{kind} [{key}]"


def _why_missing(home: RunHome, runs: Sequence[str], space: str, id: str) -> str:
    if not id:
        return "the source shows that the record it refers to is not there"
    letter = find_letter(home, runs, Name(space, id, stored=True))
    if letter is None:
        return f"{space}/{id} is not there; no record of it arrived"
    return f"{space}/{id} is not there; it was refused: {letter[1]['reason']}"
