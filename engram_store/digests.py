"""Digests over everything of memories and edges, in which their order does not matter.

Each record has a hash over all its fields, and a page's digest is the sum of its records' hashes
modulo 2^128: a multiset hash, in which a record that is there twice counts twice. So what is
served of a page can be compared with what was written of it in whatever order it comes, and a
record that a newer run replaced can be taken out by subtraction.

The hash is XXH3: it finds damage, and is not made to withstand somebody who forges records. Who may
write to a store may write its receipts, too.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_intdigest

_BYTES = 16
_MODULUS = 1 << (8 * _BYTES)


def memory_hashes(batch: pa.RecordBatch) -> list[int]:
    """A 128-bit hash of each memory: id, space, content, source, embedding, numbers and time.

    Args:
        batch: Columns as in ``memory_schema``; numbers may be of any width, anything may be null.
    """
    system, kind, key = batch["source"].flatten()
    texts = [batch["id"], batch["space"], batch["content"], system, kind, key, batch["embedding"]]
    return _hashes(
        texts, [batch["confidence"], batch["activation"], batch["decay_rate"]], batch["created_at"]
    )


def edge_hashes(batch: pa.RecordBatch) -> list[int]:
    """A 128-bit hash of each edge: id, both ends, type, origin, weight, time and properties.

    Args:
        batch: Columns as in ``EDGE_SCHEMA``; the weight may be of any width, anything may be null.
    """
    names = ("id", "source", "source_space", "target", "target_space", "type", "origin", "properties")
    return _hashes([batch[name] for name in names], [batch["weight"]], batch["created_at"])


def combined(hashes: Iterable[int]) -> str:
    """The digest of records with these hashes, in hex."""
    return f"{sum(hashes) % _MODULUS:0{2 * _BYTES}x}"


def _hashes(texts: list[pa.Array], numbers: list[pa.Array], moments: pa.Array) -> list[int]:
    """Hashes of rows: numbers, time and the lengths of all texts, then the texts.

    A null is told from an empty text by its length −1, and from an instant by a mark of its own.
    """
    kind = np.dtype(
        [("numbers", "<f8", len(numbers)), ("at", "<i8"), ("no_time", "u1"), ("lengths", "<i4", len(texts))]
    )
    head = np.zeros(len(moments), kind)
    for place, column in enumerate(numbers):
        # Adding 0 makes 0 of −0, which an index keeps as 0.
        head["numbers"][..., place] = _floats(column) + 0.0
    instants = moments.cast(pa.int64())
    head["no_time"] = instants.is_null().to_numpy(zero_copy_only=False)
    head["at"] = instants.fill_null(0).to_numpy()
    for place, column in enumerate(texts):
        head["lengths"][:, place] = pc.fill_null(pc.binary_length(column), -1).to_numpy()
    heads = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(kind.itemsize), len(head), [None, pa.py_buffer(head)]
    )
    # Large, since all texts of a page may be longer together than one column can hold.
    columns = [column.cast(pa.large_binary()) for column in (heads, *texts)]
    between = pa.scalar(b"", pa.large_binary())
    rows = pc.binary_join_element_wise(*columns, between, null_handling="replace", null_replacement=b"")
    return [xxh3_128_intdigest(row) for row in rows.to_pylist()]


def _floats(column: pa.Array) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers
