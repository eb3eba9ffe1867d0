"""Small runs made at random, in any target, and what is said of them when nobody damaged them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engram_store.store import Store
from io_connectors.engram.home import RunHome
from io_connectors.pages import EdgePage, EmbeddingCounts, MappedPage, MemoryPage
from pipelines.report import Check
from pipelines.validation.checks import checks_of
from pipelines.validation.evidence import gather
from tests.corruption.again import Again
from tests.corruption.made import unit_vectors
from transforms.validation.ledger import seal
from transforms.validation.orphans import ORPHANS, orphans_of
from transforms.validation.samples import AgainstSource, choose, compare_with_source

_TEXTS = ("", "a", "ü/…\n\0b", "x" * 300, '{"id":1}', "😀", "[]", "null", "7")
_NUMBERS = (0.0, -0.0, 1.0, 0.1, 1e-7, 0.30000001192092896)
_MOMENTS = (None, 0, -62_135_596_800_000_000, 1_700_000_000_123_456, 253_402_300_799_999_999)


def made(home: RunHome, chance: random.Random) -> list[str]:
    """One to three runs, the later of which replace some of what the earlier wrote; finalized."""
    names = [f"run{number}" for number in range(chance.choice((1, 1, 1, 2, 3)))]
    for number, name in enumerate(names):
        started_at = f"2025-01-0{number + 1}T00:00:00.5+00:00"
        manifest = {"model": "local/lexical-1", "started_at": started_at, "state": "complete"}
        _write(home, name, manifest, list(pages(chance, number)), chance.choice(("float16", "float32")))
    home.finalize()
    return names


def _write(
    home: RunHome, name: str, manifest: dict[str, str], pages: list[MappedPage], vector_type: str
) -> None:
    """Writes and commits pages as a migration does."""
    run = home.create_run(name, manifest)
    names = [page.page_id for page in pages]
    run.plan_pages(names)
    target = home.target(name, vector_type).open()
    receipts = [target.write(page) for page in pages]
    run.save_finding(ORPHANS, orphans_of(home.check_edges(name)))
    seal(run, receipts)
    run.commit_pages(names)


def twenties(always: int) -> list[object]:
    """Ten times twenty seeds; the first of them with the tests, all by ``make test-exhaustive``."""
    rest = (pytest.param(number, marks=pytest.mark.exhaustive) for number in range(always, 10))
    return [*range(always), *rest]


def seeds(twenty: int) -> range:
    """The seeds of one twenty."""
    return range(20 * twenty, 20 * twenty + 20)


def alarms(home: RunHome, name: str, store: Path, files: bool) -> list[Check]:
    """The checks of a run that find something, if its source has what its pages hold.

    Args:
        home: The target.
        name: The run.
        store: The folder in which its pages lie at last.
        files: Also compare the page files with their receipts.
    """
    run, pages = home.run(name), Store.open(store).run(name)
    with home.reader() as reader:
        evidence, comparison = gather(home, run, reader, files=files, max_loss=0.0)
        ids = pages.page_ids()
        picks = choose(dict.fromkeys(ids, 1), dict.fromkeys(ids, "records"), (), 10, 1)
        found = AgainstSource(1)
        compare_with_source(comparison, Again(pages, picks), picks, found)
    checks = checks_of(replace(evidence, source=found))
    return [check for check in checks if not check.passed or check.details]


def pages(chance: random.Random, run: int) -> Iterator[MappedPage]:
    """Pages of memories whose ids no other page of the run has, and of edges to and from any of them."""
    taken: set[tuple[str, str]] = set()
    for number in range(chance.randint(0, 4)):
        found = memories(chance, taken)
        edges = _edges(chance, f"{run}-{number}" if chance.random() < 0.5 else str(number))
        zeros = 0 if found.embeddings is None else int((~found.embeddings.any(axis=1)).sum())
        yield MappedPage(f"p{number}", found, edges, embedding=EmbeddingCounts(len(found), 1, 0, zeros))


def memories(chance: random.Random, taken: set[tuple[str, str]]) -> MemoryPage:
    """A page of memories, some of which hold next to nothing; their names are taken from then on."""
    names = {
        (chance.choice(("users", "posts")), str(chance.randint(0, 30))) for _ in range(chance.randint(0, 9))
    }
    new = sorted(names - taken)
    taken.update(new)
    count = len(new)
    vectors = unit_vectors(chance.randint(0, 10**6), count)
    if count and chance.random() < 0.3:
        vectors[0] = 0
    return MemoryPage(
        ids=[id for _, id in new],
        spaces=[space for space, _ in new],
        contents=chance.choices(_TEXTS, k=count),
        texts=[None] * count,
        confidence=chance.choices(_NUMBERS, k=count),
        activation=chance.choices(_NUMBERS, k=count),
        decay_rate=chance.choices(_NUMBERS, k=count),
        created_at=chance.choices(_MOMENTS, k=count),
        system="redis",
        kinds=chance.choices(("string", "hash"), k=count),
        keys=chance.choices(_TEXTS, k=count),
        embeddings=vectors,
    )


def _edges(chance: random.Random, prefix: str) -> EdgePage:
    count = chance.randint(0, 6)
    ends = [str(chance.randint(0, 30)) for _ in range(2 * count)]
    return EdgePage(
        ids=[f"{prefix}-{row}" for row in range(count)],
        sources=ends[:count],
        source_spaces=chance.choices(("users", "posts"), k=count),
        targets=[None if chance.random() < 0.1 else end for end in ends[count:]],
        target_spaces=chance.choices(("users", "posts"), k=count),
        types=chance.choices(("KNOWS", "WROTE"), k=count),
        origins=chance.choices(("fk", "rel"), k=count),
        weights=chance.choices(_NUMBERS, k=count),
        created_at=chance.choices(_MOMENTS, k=count),
        properties=chance.choices((None, "{}", '{"a":"ü"}'), k=count),
    )
