"""Pages as Arrow batches, in the store's schemas."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engram_store.errors import IntegrityError
from engram_store.model import DIMENSION, EDGE_SCHEMA, memory_schema
from io_connectors.pages import EdgePage, MemoryPage, Vectors


def memory_batch(page: MemoryPage, vector_type: str) -> pa.RecordBatch:
    """The memories of a page; its vectors rounded to the store's type.

    Raises:
        IntegrityError: The page was not embedded, or not all of it.
    """
    schema = memory_schema(vector_type)
    n = len(page)
    source = pa.StructArray.from_arrays(
        [pa.array(column, pa.string()) for column in ([page.system] * n, page.kinds, page.keys)],
        fields=list(schema.field("source").type),
    )
    columns = [
        pa.array(page.ids, pa.string()),
        pa.array(page.spaces, pa.string()),
        pa.array(page.contents, pa.string()),
        _vectors(page.embeddings, n, schema.field("embedding").type, vector_type),
        pa.array(page.confidence, pa.float32()),
        pa.array(page.activation, pa.float32()),
        pa.array(page.decay_rate, pa.float32()),
        pa.array(page.created_at, schema.field("created_at").type),
        source,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def edge_batch(page: EdgePage) -> pa.RecordBatch:
    """The edges of a page."""
    columns = [
        page.ids,
        page.sources,
        page.source_spaces,
        page.targets,
        page.target_spaces,
        page.types,
        page.origins,
        page.weights,
        page.created_at,
        page.properties,
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, EDGE_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=EDGE_SCHEMA)


def _vectors(embeddings: Vectors | None, n: int, width: pa.DataType, vector_type: str) -> pa.Array:
    if embeddings is None or embeddings.shape != (n, DIMENSION):
        found = None if embeddings is None else embeddings.shape
        raise IntegrityError(
            f"a page of {n} memories came to be written with embeddings of shape `{found}`",
            why="every memory needs its vector of 768 floats",
            suggestion="report this as a defect of the embedding provider",
        )
    little_endian = np.dtype(vector_type).newbyteorder("<")
    data = np.ascontiguousarray(embeddings, dtype=little_endian)
    return pa.FixedSizeBinaryArray.from_buffers(width, n, [None, pa.py_buffer(data)])
