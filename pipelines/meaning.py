"""The check of meaning: does a memory recall itself, and are its neighbours nearer than others.

**Self-recall@1**: a memory's text, embedded anew, is recalled within its space; a hit is the memory
itself, or one with the same vector, which is what one with an equal text has.

**Neighbours' recall@10**: a memory with edges is compared with up to 100 candidates: up to ten of
its neighbours by an edge, and other memories of the sample, drawn at random. The share of its
neighbours that are among the ten candidates with the nearest vectors by cosine; the mean over the
memories. By chance it is ten by the number of candidates. It says whether edges join what is alike;
they need not, so it is told and never fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from engram_store.recall import unit
from engram_store.vectors import Vectors
from io_connectors.engram.home import MemoryReader
from pipelines.report import Check
from transforms.embedding.provider import Embedder

#: Of a hundred memories, how many recall themselves at least.
LEAST = 0.95
#: The check's name.
NAME = "memories recall themselves"
_CANDIDATES = 100
_NEAREST = 10
#: Vectors that are compared with in all; in a large space fewer memories are recalled.
_COMPARISONS = 10_000_000
_FEWEST = 10
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory, and the text that it was embedded from.

    Attributes:
        space: Its space.
        id: Its id.
        text: The text, as the source gives it.
    """

    space: str
    id: str
    text: str


def meaning_check(
    reader: MemoryReader, embedder: Embedder, samples: Sequence[Remembered], seed: int = 0
) -> Check:
    """Recalls memories by their texts, and ranks their neighbours.

    Args:
        reader: What readers see.
        embedder: The one that made the vectors.
        samples: Up to 100 memories with texts, drawn from all of the run.
        seed: The same seed draws the same candidates.

    Returns:
        The check; failed if fewer than 95 % of the memories that were recalled recall themselves.

    Raises:
        MigrationError: The target could not be asked, or a text could not be embedded.
    """
    sizes = reader.spaces()
    recalled = list(_affordable(samples, sizes))
    missed = [f"{sample.space}/{sample.id}" for sample in recalled if not _recalls(reader, embedder, sample)]
    hits = 1.0 - len(missed) / len(recalled) if recalled else 1.0
    near = neighbour_recall(reader, samples, Random(seed))
    found = f"self-recall@1 {hits:.2f} of {len(recalled)} memories; {_neighbours_said(near)}"
    passed = hits >= LEAST
    details = () if passed else tuple(f"{name} is not what its own text recalls" for name in missed[:_SHOWN])
    return Check(NAME, passed, found, details)


def neighbour_recall(
    reader: MemoryReader, samples: Sequence[Remembered], random: Random
) -> list[tuple[float, float]]:
    """Neighbours' recall@10 of each sample that has neighbours, and what it is by chance; see the module.

    Args:
        reader: What readers see.
        samples: The memories; the random candidates are drawn from them too.
        random: Draws the candidates.
    """
    vectors = {(s.space, s.id): _vector(reader, s.space, s.id) for s in samples}
    known = {name: vector for name, vector in vectors.items() if vector is not None}
    shares = []
    for (space, id), own in known.items():
        names = [(n.memory.space, n.memory.id) for n in reader.neighbours(space, id, 1, _NEAREST)]
        near = [vector for name in names if (vector := _vector(reader, *name)) is not None]
        others = [vector for name, vector in known.items() if name not in {*names, (space, id)}]
        if near and len(others) >= _NEAREST:
            drawn = random.sample(others, min(_CANDIDATES - len(near), len(others)))
            share = _share_among_nearest(own, np.array(near), np.array(drawn))
            shares.append((share, _NEAREST / (len(near) + len(drawn))))
    return shares


def _affordable(samples: Sequence[Remembered], sizes: dict[str, int]) -> Iterator[Remembered]:
    """As many samples as can be recalled in reasonable time: each is compared with all of its space."""
    comparisons = 0
    for number, sample in enumerate(samples):
        comparisons += sizes.get(sample.space, 0)
        if number >= _FEWEST and comparisons > _COMPARISONS:
            return
        yield sample


def _recalls(reader: MemoryReader, embedder: Embedder, sample: Remembered) -> bool:
    vector = embedder.embed([sample.text])[0]
    found = reader.recall(vector, sample.space, k=1)
    if not found:
        return False
    best = found[0][0]
    own, other = (reader.embedding(sample.space, id) for id in (sample.id, best.id))
    return best.id == sample.id or (own is not None and other is not None and np.array_equal(own, other))


def _vector(reader: MemoryReader, space: str, id: str) -> Vectors | None:
    """A memory's unit vector; None for one without, or with the zero vector."""
    vector = reader.embedding(space, id)
    return unit(vector) if vector is not None and np.any(vector) else None


def _share_among_nearest(own: Vectors, near: Vectors, others: Vectors) -> float:
    candidates = np.concatenate([near, others])
    nearest = np.argsort(-(candidates @ own), kind="stable")[:_NEAREST]
    return float((nearest < len(near)).sum() / len(near))


def _neighbours_said(shares: Sequence[tuple[float, float]]) -> str:
    if not shares:
        return "none of them has neighbours to compare"
    mean, chance = (sum(values) / len(shares) for values in zip(*shares, strict=True))
    return f"neighbours' recall@10 {mean:.2f} of {len(shares)} (by chance {chance:.2f})"
