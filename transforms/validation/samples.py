"""Records of the source, read, mapped and embedded again, compared with what is served.

    again = pipeline | source.read(pages) | PickRecords(picks, seed) | EmbedMemories(…) | WriteToEngram(…)

They are written into a store of their own, by the transforms of a migration, so that they are
rounded and lowered as the first time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Protocol, TypeVar

import apache_beam as beam
import pyarrow as pa

from engram_store.errors import IntegrityError
from io_connectors.pages import EdgePage, MappedPage, MemoryPage
from transforms.validation.compare import Comparison
from transforms.validation.rows import EDGES, MEMORIES, Records, differences, only

#: Pages of which samples are taken. A page is read whole: no more pages than the fewest of these are taken
#: once they hold so many records.
_MOST_PAGES = 50
_FEWEST_PAGES = 5
_ENOUGH_RECORDS = 20_000

#: For each page that is read again, how many of its records are compared; None for all.
Picks = Mapping[str, "int | None"]

_Columns = TypeVar("_Columns", MemoryPage, EdgePage)


class Again(Protocol):
    """Records that were read again, by page; the run of a store of their own is one."""

    def page_ids(self) -> set[str]:
        """The pages."""

    def memories(self, page_id: str) -> pa.RecordBatch:
        """The memories of a page that were picked."""

    def edges(self, page_id: str) -> pa.RecordBatch:
        """The edges of a page that were picked."""


def choose(
    pages: Mapping[str, int], tables: Mapping[str, str], whole: Collection[str], samples: int, seed: int
) -> Picks:
    """Chooses what is read again: some records of some pages, and all of those that are in doubt.

    Args:
        pages: The pages that the source still has as they were, and how many records each has there.
        tables: The table, or other group, of each: one page of every table comes before a second of any.
        whole: Those of them that are read as a whole.
        samples: How many records are to be compared in all.
        seed: The same seed chooses the same.
    """
    order = random.Random(seed).sample(sorted(pages), len(pages))
    first = {*{tables[page]: page for page in reversed(order)}.values()}
    order.sort(key=lambda page: page not in first)
    chosen: list[str] = []
    records = 0
    for page in order[: min(_MOST_PAGES, samples)]:
        if len(chosen) >= _FEWEST_PAGES and records >= _ENOUGH_RECORDS:
            break
        chosen.append(page)
        records += pages[page]
    share = math.ceil(samples / len(chosen)) if chosen else 0
    return {**dict.fromkeys(chosen, share), **dict.fromkeys(whole, None)}


class PickRecords(beam.PTransform[beam.PCollection[MappedPage], beam.PCollection[MappedPage]]):
    """Pages → the same with some of their memories, and some of their edges, at random.

    Args:
        picks: How many of each page.
        seed: The same seed picks the same.
    """

    def __init__(self, picks: Picks, seed: int) -> None:
        super().__init__()
        self._picks = dict(picks)
        self._seed = seed

    def expand(self, pages: beam.PCollection[MappedPage]) -> beam.PCollection[MappedPage]:
        """Picks page by page."""
        picked: beam.PCollection[MappedPage] = pages | "Pick" >> beam.Map(_pick, self._picks, self._seed)
        return picked


def _pick(page: MappedPage, picks: Picks, seed: int) -> MappedPage:
    count = picks[page.page_id]
    if count is None:
        return page
    chance = random.Random(f"{seed} {page.page_id}")
    return replace(page, memories=_some(page.memories, count, chance), edges=_some(page.edges, count, chance))


def _some(columns: _Columns, count: int, chance: random.Random) -> _Columns:
    positions = sorted(chance.sample(range(len(columns)), min(count, len(columns))))
    picked = replace(columns)
    for column in fields(columns):
        if isinstance(values := getattr(columns, column.name), list):
            setattr(picked, column.name, [values[at] for at in positions])
    return picked


@dataclass(slots=True)
class AgainstSource:
    """What comparing with the source came to.

    Attributes:
        seed: What the samples were chosen by.
        sampled: Memories and edges that were compared as samples.
        differing: Those of them that are not as the source has them.
        sample_lines: How they differ, by id.
        wrong: What differs in pages that were in doubt, by id.
        changed: Pages of the run that the source no longer has as they were.
    """

    seed: int
    changed: int = 0
    sampled: int = 0
    differing: int = 0
    sample_lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def compare_with_source(comparison: Comparison, again: Again, picks: Picks, found: AgainstSource) -> None:
    """Compares what was read again with what is served and, of pages in doubt, with their files.

    Args:
        comparison: The comparison of the run, which knows what may be missing.
        again: The records that were read again.
        picks: How many of each page there are.
        found: Is added to.
    """
    for page in sorted(again.page_ids()):
        for kind, rows in ((MEMORIES, again.memories(page)), (EDGES, again.edges(page))):
            if picks[page] is None:
                found.wrong += _in_doubt(comparison, kind, page, rows)
            else:
                lines = list(_lines(comparison, kind, page, rows))
                found.sampled += rows.num_rows
                found.differing += len(lines)
                found.sample_lines += lines


def _lines(comparison: Comparison, kind: Records, page: str, rows: pa.RecordBatch) -> Iterator[str]:
    there = comparison.served_rows(kind, page)
    there = rows.slice(0, 0) if there is None else only(kind, there, kind.keys(rows))
    for difference in comparison.unexplained(kind, rows, differences(kind, rows, there)):
        yield f"{difference.line} (page {page}, read again from the source)"


def _in_doubt(comparison: Comparison, kind: Records, page: str, rows: pa.RecordBatch) -> Iterator[str]:
    there = comparison.served_rows(kind, page)
    there = rows.slice(0, 0) if there is None else there
    for difference in comparison.unexplained(kind, rows, differences(kind, rows, there)):
        yield f"{difference.line} (page {page}, as the source has it)"
    try:
        file = comparison.file_rows(kind, page)
    except IntegrityError:
        return
    for difference in differences(kind, rows, file) if file is not None else ():
        yield f"{difference.line} (page {page}, in its file, as the source has it)"
