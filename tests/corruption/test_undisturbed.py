"""Stores that nobody damaged are valid, whatever they hold: 200 small ones, made at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engram_store import files
from engram_store.store import Store
from io_connectors.engram.address import open_home
from io_connectors.pages import EdgePage, EmbeddingCounts, MappedPage, MemoryPage
from pipelines.report import Check
from pipelines.validation.checks import checks_of
from pipelines.validation.evidence import gather
from tests.corruption.again import Again
from tests.corruption.made import commit, unit_vectors
from transforms.validation.samples import AgainstSource, choose, compare_with_source

_STORES = 200
_TEXTS = ("", "a", "ü/…\n\0b", "x" * 300, '{"id":1}', "😀", "[]", "null", "7")
_NUMBERS = (0.0, -0.0, 1.0, 0.1, 1e-7, 0.30000001192092896)
_MOMENTS = (None, 0, -62_135_596_800_000_000, 1_700_000_000_123_456, 253_402_300_799_999_999)


def _pages(chance: random.Random, run: int) -> Iterator[MappedPage]:
    """Pages of memories whose ids no other page of the run has, and of edges to and from any of them."""
    taken: set[tuple[str, str]] = set()
    for number in range(chance.randint(0, 4)):
        memories = _memories(chance, taken)
        edges = _edges(chance, f"{run}-{number}" if chance.random() < 0.5 else str(number))
        zeros = 0 if memories.embeddings is None else int((~memories.embeddings.any(axis=1)).sum())
        yield MappedPage(f"p{number}", memories, edges, embedding=EmbeddingCounts(len(memories), 1, 0, zeros))


def _memories(chance: random.Random, taken: set[tuple[str, str]]) -> MemoryPage:
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


def made(store: Store, chance: random.Random) -> list[str]:
    """A store of one to three runs, the later of which replace some of what the earlier wrote."""
    names = [f"run{number}" for number in range(chance.choice((1, 1, 1, 2, 3)))]
    for number, name in enumerate(names):
        started_at = f"2025-01-0{number + 1}T00:00:00.5+00:00"
        run = store.create_run(
            name, {"model": "local/lexical-1", "started_at": started_at, "state": "complete"}
        )
        commit(store, run, list(_pages(chance, number)), chance.choice(("float16", "float32")))
    store.finalize()
    return names


def validated(store: Path, name: str, files: bool) -> tuple[Check, ...]:
    """The checks of a run, whose source has what its pages hold."""
    home = open_home(str(store))
    run, pages = home.run(name), Store.open(store).run(name)
    with home.reader() as reader:
        evidence, comparison = gather(home, run, reader, files=files, max_loss=0.0)
        picks = choose(pages.page_ids(), (), 10, 1)
        found = AgainstSource(1)
        compare_with_source(comparison, Again(pages, picks), picks, found)
    return checks_of(replace(evidence, source=found))


@pytest.fixture
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "sync", lambda path: None)


@pytest.mark.usefixtures("_no_waiting_for_the_disk")
@pytest.mark.parametrize("tens", range(_STORES // 20))
def test_no_false_alarm(tens: int, tmp_path: Path) -> None:
    for seed in range(20 * tens, 20 * tens + 20):
        store = Store.open(tmp_path / str(seed), create=True)
        for name in made(store, random.Random(seed)):
            checks = validated(store.path, name, files=seed % 2 == 0)
            assert [check for check in checks if not check.passed or check.details] == [], f"seed {seed}"


def test_what_is_made_differs() -> None:
    """Else 200 stores would be one store."""
    page = _memories(random.Random(3), set())
    assert page.embeddings is not None and len(page) > 2
    assert len({np.sign(v).tobytes() for v in page.embeddings}) == len(page)
