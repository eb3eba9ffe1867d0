"""Small numbers in place of names that come up again and again (spaces, kinds, types, origins)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int32]


class Names:
    """Numbers names from 0 in the order of their first appearance."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        """The number of one name; a new one if it has none."""
        return self._codes.setdefault(name, len(self._codes))

    def codes(self, column: pa.Array) -> Codes:
        """The numbers of a column of names without nulls."""
        encoded = pc.dictionary_encode(column)
        known = np.array([self.code(name) for name in encoded.dictionary.to_pylist()], dtype=np.int32)
        return known[encoded.indices.to_numpy(zero_copy_only=False)] if len(known) else known

    def names(self) -> list[str]:
        """All names, by number."""
        return list(self._codes)
