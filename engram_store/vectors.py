"""Reading vectors out of page files, by offset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engram_store.errors import TargetTransientError
from engram_store.files import drop_from_cache
from engram_store.model import DIMENSION

Vectors = npt.NDArray[np.float32]

_ROWS_A_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class VectorPage:
    """Where the vectors of a page lie.

    Attributes:
        path: The page file.
        first: The number of the page's first memory.
        rows: How many memories it holds.
        offset: Where row 0's vector begins, in bytes.
        dtype: ``float16`` or ``float32``.
    """

    path: Path
    first: int
    rows: int
    offset: int
    dtype: str

    def row(self, row: int) -> Vectors:
        """One vector, (768,)."""
        dtype, offset = self._place(row)
        with _still_there(self.path):
            return np.fromfile(self.path, dtype, DIMENSION, offset=offset).astype(np.float32)

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """All vectors, some thousand at a time: (first row, (n, 768))."""
        dtype, offset = self._place(0)
        with _still_there(self.path):
            mapped = np.memmap(self.path, dtype, "r", offset, (self.rows, DIMENSION))
        for start in range(0, self.rows, _ROWS_A_BLOCK):
            yield start, mapped[start : start + _ROWS_A_BLOCK].astype(np.float32)

    def raw(self) -> tuple[bytes, int]:
        """All vectors as they lie in the file, and the bytes of one; fewer than there should be, if cut.

        The file is dropped from the system's memory: who wants all vectors of a page reads them once.

        Raises:
            OSError: The file cannot be read.
        """
        dtype, offset = self._place(0)
        width = DIMENSION * dtype.itemsize
        with _still_there(self.path), self.path.open("rb") as file:
            file.seek(offset)
            found = file.read(self.rows * width)
            drop_from_cache(file.fileno())
            return found, width

    def _place(self, row: int) -> tuple[np.dtype[np.floating], int]:
        dtype: np.dtype[np.floating] = np.dtype(self.dtype).newbyteorder("<")
        return dtype, self.offset + row * DIMENSION * dtype.itemsize


@contextmanager
def _still_there(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TargetTransientError(
            f"The page `{path.name}` is no longer in the store.",
            why="Its run was undone, or pages were dropped, after this reader was opened.",
            suggestion="Open the store again; if that does not help, finalize it.",
        ) from error
