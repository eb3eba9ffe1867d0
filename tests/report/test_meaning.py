"""The check of meaning: memories recall themselves, and what is alike is told from what is not."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from engram_store.store import Store
from pipelines.meaning import Remembered, meaning_check, neighbour_recall
from tests.store.synthetic import Link, memories, vectors, write
from transforms.embedding.local import LexicalEmbedder

EMBEDDER = LexicalEmbedder()
WORDS = ("apple", "boat", "cloud", "drum", "eagle", "forest", "garden", "harbour")
TEXTS = [f"{a} {b} {number}" for number, (a, b) in enumerate((a, b) for a in WORDS for b in WORDS)]
IDS = [f"m{number}" for number in range(len(TEXTS))]
SAMPLES = [Remembered("users", id, text) for id, text in zip(IDS, TEXTS, strict=True)]
#: Each memory refers to that of the next text, whose first word it shares.
LINKS = [Link(f"e{n}", IDS[n], IDS[n + 1]) for n in range(len(IDS) - 1)]


def made(folder: Path, table: np.ndarray, links: list[Link] | None = None) -> Store:
    store = Store.open(folder / "store", create=True)
    run = store.create_run("first", {"model": EMBEDDER.identity})
    write(run, "p", memories(IDS, table=table), links or [])
    store.finalize()
    return store


def test_memories_that_recall_themselves_pass(tmp_path: Path) -> None:
    with made(tmp_path, EMBEDDER.embed(TEXTS)).reader() as reader:
        check = meaning_check(reader, EMBEDDER, SAMPLES)
    assert check.passed and check.details == ()
    assert check.found == "self-recall@1 1.00 of 64 memories; none of them has neighbours to compare"


def test_memories_with_others_vectors_fail_by_name(tmp_path: Path) -> None:
    table = EMBEDDER.embed(TEXTS)
    table[:8] = np.roll(table[:8], 1, axis=0)
    with made(tmp_path, table).reader() as reader:
        check = meaning_check(reader, EMBEDDER, SAMPLES)
    assert not check.passed and "self-recall@1 0.88 of 64" in check.found
    assert [line.split(" ")[0] for line in check.details] == [f"users/m{n}" for n in range(8)]


def test_vectors_of_another_model_fail(tmp_path: Path) -> None:
    with made(tmp_path, vectors(IDS)).reader() as reader:
        check = meaning_check(reader, EMBEDDER, SAMPLES)
    assert not check.passed and len(check.details) == 20


def test_an_equal_text_is_as_good_as_the_memory_itself(tmp_path: Path) -> None:
    twins = ["the same words"] * len(IDS)
    samples = [Remembered("users", id, text) for id, text in zip(IDS, twins, strict=True)]
    with made(tmp_path, EMBEDDER.embed(twins)).reader() as reader:
        assert meaning_check(reader, EMBEDDER, samples).passed


def test_neighbours_that_are_alike_are_told_from_chance(tmp_path: Path) -> None:
    with made(tmp_path, EMBEDDER.embed(TEXTS), LINKS).reader() as reader:
        alike = neighbour_recall(reader, SAMPLES, Random(1))
        check = meaning_check(reader, EMBEDDER, SAMPLES, seed=1)
    assert len(alike) == 64
    share, chance = (sum(values) / 64 for values in zip(*alike, strict=True))
    assert share > 0.4 and chance == pytest.approx(10 / 63, abs=0.01)
    assert f"neighbours' recall@10 {share:.2f} of 64 (by chance 0.16)" in check.found


def test_neighbours_at_random_come_out_as_chance(tmp_path: Path) -> None:
    order = list(range(len(IDS)))
    Random(3).shuffle(order)
    links = [Link(f"e{n}", IDS[n], IDS[order[n]]) for n in range(len(IDS)) if order[n] != n]
    with made(tmp_path, vectors(IDS), links).reader() as reader:
        found = neighbour_recall(reader, SAMPLES, Random(1))
    assert sum(share for share, _ in found) / len(found) == pytest.approx(10 / 63, abs=0.12)


def test_nothing_to_recall_is_no_failure(tmp_path: Path) -> None:
    with made(tmp_path, vectors(IDS)).reader() as reader:
        check = meaning_check(reader, EMBEDDER, [])
        gone = meaning_check(reader, EMBEDDER, [Remembered("nowhere", "m0", "apple")])
    assert check.passed and "of 0 memories" in check.found
    assert not gone.passed and gone.details == ("nowhere/m0 is not what its own text recalls",)


def test_a_large_space_has_fewer_recalls() -> None:
    from pipelines.meaning import _affordable

    assert len(list(_affordable(SAMPLES, {"users": 1_000}))) == 64
    assert len(list(_affordable(SAMPLES, {"users": 500_000}))) == 20
    assert len(list(_affordable(SAMPLES, {"users": 50_000_000}))) == 10
