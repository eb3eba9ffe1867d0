"""Which memories the public server will absorb: those whose vector is too near to another's.

The server compares each new vector with all of its space. The nearest of those at a cosine of 0.95
or more takes the new memory in, or is replaced by it if the new one's confidence is higher. Either
way one of the two is gone, and nothing says so. Zero vectors are near to nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

#: The server's threshold.
SIMILAR = 0.95

_BLOCK = 1024
_CHUNK = 8192


def absorbed_by(vectors: Vectors, confidence: npt.NDArray[np.float32], least: float = SIMILAR) -> Rows:
    """Foresees what the server does with memories that come one after the other.

    All earlier vectors are compared with each, block by block, in bounded memory: n²/2 cosines, about
    100 s for 100,000 vectors on two cores.

    Args:
        vectors: (n, 768), of length 1 or zero, in the order of sending; may be mapped from a file.
        confidence: (n,); a higher one replaces. Zeros foresee that the first of each stays.
        least: The cosine from which on two are too near.

    Returns:
        (n,): the row that takes the place of each, or −1 where a memory stays.
    """
    by = np.full(len(vectors), -1, dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK):
        block = np.asarray(vectors[start : start + _BLOCK])
        best, nearest = _nearest_before(vectors, by, start, block)
        within = block @ block.T
        for row in np.flatnonzero(_may_be_near(best, within, least)):
            number = start + int(row)
            near, cosine = int(nearest[row]), float(best[row])
            if near >= 0 and by[near] >= 0:
                # Replaced by a memory of this very block.
                again, place = _nearest_before(vectors, by, start, block[row : row + 1])
                near, cosine = int(place[0]), float(again[0])
            alive = np.where(by[start:number] < 0, within[row, :row], -1.0)
            if row and alive.max() > cosine:
                near, cosine = start + int(alive.argmax()), float(alive.max())
            if cosine < least:
                continue
            if confidence[number] > confidence[near]:
                by[near] = number
            else:
                by[number] = near
    return by


def nearest_other(vectors: Vectors, row: int) -> float:
    """The highest cosine of a vector with any other one."""
    highest = -1.0
    for start in range(0, len(vectors), _CHUNK):
        cosines = np.asarray(vectors[start : start + _CHUNK]) @ vectors[row]
        if start <= row < start + _CHUNK:
            cosines[row - start] = -1.0
        highest = max(highest, float(cosines.max()))
    return highest


def _may_be_near(best: Vectors, within: Vectors, least: float) -> npt.NDArray[np.bool_]:
    near: npt.NDArray[np.bool_] = (best >= least) | (np.tril(within, -1).max(axis=1) >= least)
    return near


def _nearest_before(vectors: Vectors, by: Rows, end: int, block: Vectors) -> tuple[Vectors, Rows]:
    """The highest cosine of each of a block with those before ``end`` that are there, and whose it is."""
    best = np.full(len(block), -1.0, dtype=np.float32)
    nearest = np.full(len(block), -1, dtype=np.int64)
    for start in range(0, end, _CHUNK):
        stop = min(start + _CHUNK, end)
        cosines = block @ np.asarray(vectors[start:stop]).T
        cosines[:, by[start:stop] >= 0] = -1.0
        place = cosines.argmax(axis=1)
        highest = cosines[np.arange(len(block)), place]
        nearer = highest > best
        best[nearer], nearest[nearer] = highest[nearer], start + place[nearer]
    return best, nearest
