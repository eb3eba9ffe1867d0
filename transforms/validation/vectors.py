"""What the vectors of a run are like: how long, how many are zero, which are no vectors at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engram_store.model import DIMENSION

#: How far from 1 the length of a sound vector may be.
UNIT = 1e-2

_MOST_NAMES = 50
#: The bits of a half that is infinite; of what is no number, they are more.
_INFINITE = 0x7C00


@dataclass(slots=True)
class VectorTally:
    """The vectors that were looked at.

    Attributes:
        seen: How many.
        zero: Those of length 0.
        deviation: The sum of |length − 1| over those that are not zero.
        unsound: Up to fifty names of those that are neither zero nor of length 1, with what they are.
        zeros: Up to fifty names of zero vectors in each page.
    """

    seen: int = 0
    zero: int = 0
    deviation: float = 0.0
    unsound: list[str] = field(default_factory=list)
    zeros: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    @property
    def mean_deviation(self) -> float:
        """The mean of |length − 1| over vectors that are not zero."""
        return self.deviation / max(1, self.seen - self.zero)

    def look(self, page: str, batch: pa.RecordBatch) -> None:
        """Looks at the vectors of a page."""
        found = lengths(batch)
        zero, off = found == 0, np.abs(found - 1)
        bad = ~zero & ~(off <= UNIT)
        self.seen += len(found)
        self.zero += int(zero.sum())
        self.deviation += float(np.nansum(off[~zero]))
        if zero.any():
            self.zeros[page] = int(zero.sum()), _names(batch, zero)
        if bad.any():
            names = _names(batch, bad)
            self._name([f"{n}: {_said(v)}" for n, v in zip(names, found[bad], strict=False)])

    def add(self, other: VectorTally) -> None:
        """Adds what was seen of further vectors."""
        self.seen += other.seen
        self.zero += other.zero
        self.deviation += other.deviation
        self.zeros.update(other.zeros)
        self._name(other.unsound)

    def _name(self, unsound: Sequence[str]) -> None:
        self.unsound += unsound[: _MOST_NAMES - len(self.unsound)]


def lengths(batch: pa.RecordBatch) -> npt.NDArray[np.float64]:
    """The length of each vector; NaN where there is none, or where one of its numbers is none."""
    column = batch["embedding"]
    found = np.full(len(column), np.nan)
    there = column.drop_null()
    if not len(there):
        return found
    width = column.type.byte_width
    data = memoryview(there.buffers()[1])[there.offset * width :][: len(there) * width]
    wide = _widened(floats(data, width)).reshape(-1, DIMENSION)
    found[column.is_valid().to_numpy(zero_copy_only=False)] = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return found


def floats(data: bytes | memoryview, width: int | None = None) -> npt.NDArray[np.floating]:
    """Vectors from the bytes that a page has of them.

    Args:
        data: The bytes of one vector or, with ``width``, of any number.
        width: The bytes of one vector.
    """
    half = (width or len(data)) == 2 * DIMENSION
    return np.frombuffer(data, dtype="<f2" if half else "<f4")


def _widened(numbers: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Numbers as float32, to be squared: halves lose their signs.

    NumPy widens halves one by one, which takes six times as long as this: the bits of a half, moved to
    where a float32 has its exponent and fraction, are the number times 2 ** -112. What is infinite or not
    a number would become a large one, so NumPy widens all where there is such.
    """
    if numbers.dtype.itemsize == 4:
        return numbers
    bits = (numbers.view("<u2") & 0x7FFF).astype("<u4")
    if bits.max(initial=0) >= _INFINITE:
        return numbers.astype(np.float32)
    wide = (bits << 13).view("<f4")
    wide *= np.float32(2.0**112)
    return wide


def _names(batch: pa.RecordBatch, which: npt.NDArray[np.bool_]) -> list[str]:
    rows = batch.take(pa.array(np.flatnonzero(which)[:_MOST_NAMES]))
    return [f"{s}/{i}" for s, i in zip(rows["space"].to_pylist(), rows["id"].to_pylist(), strict=True)]


def _said(length: float) -> str:
    return "no vector, or not a number in it" if np.isnan(length) else f"length {length:.4f}"
