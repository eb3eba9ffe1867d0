"""Records drawn at random from a run: where their memories are, and what they were embedded from."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from io_connectors.engram.home import TargetRun
from io_connectors.pages import MemoryPage
from pipelines.meaning import Remembered
from pipelines.traced import Place
from transforms.embedding.batch import text_of

if TYPE_CHECKING:
    from pipelines.planned import PlannedSource

#: Pages that samples are drawn from: each is read.
_PAGES = 10


def sampled_places(run: TargetRun, count: int, random: Random) -> list[Place]:
    """Some records of a run, from up to ten of its pages.

    Args:
        run: The run.
        count: How many at most.
        random: Draws them.
    """
    filled = [receipt.page_id for receipt in run.receipts(run.committed_page_ids()) if receipt.memories]
    places = []
    for page_id in random.sample(filled, min(_PAGES, len(filled))):
        page = run.memories(page_id, ["id", "space", "source"]).to_pylist()
        for row in random.sample(page, min(-(-count // _PAGES), len(page))):
            source = row["source"]
            places.append(Place(run, page_id, row["space"], row["id"], source["kind"], source["key"]))
    return places[:count]


def sampled_texts(source: PlannedSource, run: TargetRun, count: int, random: Random) -> list[Remembered]:
    """Some memories of a run, with their texts as the source gives them now, from up to ten pages.

    Args:
        source: The run's source, planned again; pages that have changed since are passed over.
        run: The run.
        count: How many at most.
        random: Draws them.

    Raises:
        MigrationError: The source cannot be read.
    """
    known = run.committed_page_ids()
    pages = [
        page
        for page, rows in source.page_rows.items()
        if rows and page in known and source.page_tables[page] not in source.edge_tables
    ]
    chosen = random.sample(pages, min(_PAGES, len(pages)))
    reading, share = source.read(chosen), -(-count // max(1, len(chosen)))
    found = []
    for page in reading.pages():
        texts = list(_texts(reading.mapped(page).memories))
        found += random.sample(texts, min(share, len(texts)))
    return found[:count]


def _texts(memories: MemoryPage) -> Iterator[Remembered]:
    for at, (space, id) in enumerate(zip(memories.spaces, memories.ids, strict=True)):
        if text := text_of(memories, at):
            yield Remembered(space, id, text)
