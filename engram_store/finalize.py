"""Turning the pages of all runs into one generation that readers can see.

A generation is built in a folder of its own, renamed when it is complete, and becomes visible
when ``CURRENT`` names it. Killed at any point, the generation before goes on serving and the
next call begins again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import orjson

from engram_store import files
from engram_store.catalogue import CataloguedPage, catalogue, fingerprint, oldest_first
from engram_store.errors import IntegrityError
from engram_store.run import Run
from engram_store.serving import CURRENT, INDEX, IndexWriter, current
from engram_store.workspace import Workspace

_SUMMARY = "GENERATION.json"
_FORMAT = "serving-2"
_ALL_BUT_VECTORS = [
    "id", "space", "content", "confidence", "activation", "decay_rate", "created_at", "source",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class FinalizeResult:
    """What a generation holds.

    Attributes:
        generation: Its name.
        memories: Memories, by space.
        edges: Committed edges, by origin.
        orphans: Edges left out because an end is missing, by origin.
        superseded_memories: Memories that a newer run replaced.
        superseded_edges: Edges that a newer run replaced.
        rebuilt: False if nothing had changed and nothing was done.
    """

    generation: str
    memories: dict[str, int]
    edges: dict[str, int]
    orphans: dict[str, int]
    superseded_memories: int
    superseded_edges: int
    rebuilt: bool = True


def finalize(store: Path, runs: Sequence[Run]) -> FinalizeResult:
    """Builds and publishes the generation for these runs; see ``Store.finalize``."""
    serving = store / "serving"
    files.make_folder(serving)
    files.remove_temporaries(serving)
    generation = fingerprint(runs, _FORMAT)
    folder = serving / generation
    unchanged = folder.is_dir() and current(store) == generation
    if not folder.is_dir():
        _build(folder, oldest_first(runs))
    if not unchanged:
        files.write_bytes(store / CURRENT, generation.encode())
        _remove_others(serving, generation)
    return replace(_summary(folder), rebuilt=not unchanged)


def _summary(folder: Path) -> FinalizeResult:
    return FinalizeResult(**orjson.loads((folder / _SUMMARY).read_bytes()))


def _remove_others(serving: Path, generation: str) -> None:
    for folder in serving.iterdir():
        if folder.name != generation:
            shutil.rmtree(folder)


def _build(folder: Path, runs: Sequence[Run]) -> None:
    pages = list(catalogue(runs))
    with files.temporary_folder(folder.parent) as building:
        with Workspace.open(building, pages) as workspace:
            result = _fill(building, folder.name, runs, pages, workspace)
        files.write_bytes(building / _SUMMARY, orjson.dumps(asdict(result)))
        files.sync(building / INDEX)
        files.sync(building)
        os.rename(building, folder)
        files.sync(folder.parent)


def _fill(
    building: Path, generation: str, runs: Sequence[Run], pages: Sequence[CataloguedPage], work: Workspace
) -> FinalizeResult:
    work.load_memories(pages)
    _refuse_twice(work, pages, "memory", "space")
    work.load_edges(pages)
    _refuse_twice(work, pages, "edge", "origin")
    old_memories = _superseded(work, "memory")
    old_edges = _superseded(work, "edge")
    if old_memories:
        query = "SELECT number FROM memory_row ANTI JOIN memory USING (number) ORDER BY number"
        work.create("superseded_memory", query)
    with IndexWriter.create(building, work.spaces, work.origins) as index:
        index.add_runs(runs)
        for page in pages:
            _add_page(page, work, index, some_are_old=old_memories > 0)
        index.add_keys(work.stream("SELECT space, id, number FROM memory ORDER BY space, id"))
        memories, edges = index.finish()
    return FinalizeResult(generation, memories, edges, _orphans(work), old_memories, old_edges)


def _add_page(page: CataloguedPage, work: Workspace, index: IndexWriter, *, some_are_old: bool) -> None:
    if page.rows:
        rows = np.arange(page.rows, dtype=np.int64)
        if some_are_old:
            old = work.between("superseded_memory", page.first, page.rows)["number"]
            rows = np.setdiff1d(rows, old - page.first, assume_unique=True)
        index.add_memories(page, page.run.memories(page.page_id, _ALL_BUT_VECTORS), rows)
    if page.edge_rows:
        links = work.between("link", page.first_edge, page.edge_rows)
        index.add_edges(page, page.run.edges(page.page_id), links)


def _superseded(work: Workspace, table: str) -> int:
    return work.count(f"{table}_row") - work.count(table)


def _orphans(work: Workspace) -> dict[str, int]:
    names = work.origins.names()
    rows = work.rows("SELECT origin, count(*) FROM edge ANTI JOIN link USING (number) GROUP BY origin")
    return dict(sorted((names[origin], count) for origin, count in rows))


def _refuse_twice(work: Workspace, pages: Sequence[CataloguedPage], table: str, group: str) -> None:
    """Raises IntegrityError if an id stands twice within one run."""
    # Hashes are counted first: that takes an eighth of the time that names would.
    hashed = f"hash(run, {group}, id)"
    twice = work.rows(
        f"SELECT {group}, id, list(number ORDER BY number) FROM {table}_row "
        f"WHERE {hashed} IN (SELECT {hashed} AS h FROM {table}_row GROUP BY h HAVING count(*) > 1) "
        f"GROUP BY run, {group}, id HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
    )
    if not twice:
        return
    code, name, numbers = twice[0]
    names = work.spaces.names() if table == "memory" else work.origins.names()
    holders = sorted({_holder(pages, number, table) for number in numbers})
    raise IntegrityError(
        f"The {table} `{name}` of {group} `{names[code]}` stands {len(numbers)} times in one run.",
        why=f"It was found in: {', '.join(holders)}. An id may stand in one page only.",
        suggestion="Two source records share an id, or pages of two plans are mixed: "
        "undo the run, correct the mapping, and migrate again.",
    )


def _holder(pages: Sequence[CataloguedPage], number: int, table: str) -> str:
    for page in pages:
        first, rows = (page.first, page.rows) if table == "memory" else (page.first_edge, page.edge_rows)
        if first <= number < first + rows:
            return f"page `{page.page_id}` of run `{page.run.id}`"
    raise AssertionError(f"no page holds number {number}")
