"""What can be asked of one space of a generation: are its edges whole, are its vectors sound."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram_store.reader import Reader
from engram_store.serving import open_index

_SAMPLES = 20
_UNIT = 1e-2

_EDGES = """
SELECT count(*), count(*) FILTER (WHERE target.number IS NULL)
FROM edge JOIN memory AS source ON source.number = edge.source
          LEFT JOIN memory AS target ON target.number = edge.target
WHERE source.space = (SELECT id FROM space WHERE name = ?)
"""


@dataclass(frozen=True, slots=True)
class SpaceEdges:
    """The edges that leave a space's memories.

    Attributes:
        edges: How many.
        orphans: Those of them whose other end is not there.
    """

    edges: int
    orphans: int


@dataclass(frozen=True, slots=True)
class SpaceVectors:
    """The vectors of a space.

    Attributes:
        memories: How many.
        zero: Vectors that are zero: there was nothing to embed.
        unsound: Vectors that are neither zero nor of length 1, or not finite.
        deviation: The mean of |length − 1| over the others.
        samples: Up to twenty ids of unsound ones.
    """

    memories: int
    zero: int
    unsound: int
    deviation: float
    samples: tuple[str, ...]


def check_edges(store: Path, space: str) -> SpaceEdges:
    """Counts the edges that leave a space's memories, and those that lead nowhere."""
    _, connection = open_index(store)
    with closing(connection):
        return SpaceEdges(*connection.execute(_EDGES, (space,)).fetchone())


def check_vectors(reader: Reader, space: str) -> SpaceVectors:
    """Looks at every vector of a space."""
    seen = zero = unsound = 0
    deviation = 0.0
    samples: list[str] = []
    for numbers, vectors in reader.vectors(space):
        lengths = np.linalg.norm(vectors, axis=1)
        off = np.abs(lengths - 1)
        bad = (lengths != 0) & ~(off <= _UNIT)
        seen, zero, unsound = seen + len(lengths), zero + int((lengths == 0).sum()), unsound + int(bad.sum())
        deviation += float(off[(lengths != 0) & ~bad].sum())
        samples += reader.ids(numbers[bad][: _SAMPLES - len(samples)])
    return SpaceVectors(seen, zero, unsound, deviation / max(1, seen - zero - unsound), tuple(samples))
