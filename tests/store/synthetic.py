"""Small pages for the tests of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.model import DIMENSION, EDGE_SCHEMA, PageReceipt, memory_schema
from engram_store.run import Run

Vectors = npt.NDArray[np.float32]


class Link(NamedTuple):
    id: str
    source: str
    target: str | None
    origin: str = "fk"
    source_space: str = "users"
    target_space: str = "users"


def vectors(ids: Sequence[str]) -> Vectors:
    """Unit rows that depend on the ids alone."""
    rows = [np.random.default_rng([*id.encode()]).standard_normal(DIMENSION, dtype=np.float32) for id in ids]
    table = np.array(rows, dtype=np.float32).reshape(-1, DIMENSION)
    lengths: Vectors = np.linalg.norm(table, axis=1, keepdims=True)
    return table / lengths


def memories(
    ids: Sequence[str],
    *,
    space: str | Sequence[str] = "users",
    content: str = "{}",
    vector_type: str = "float16",
    table: Vectors | None = None,
    activation: float = 1.0,
    decay_rate: float = 0.0,
) -> pa.RecordBatch:
    schema = memory_schema(vector_type)
    raw = (vectors(ids) if table is None else table).astype(vector_type).tobytes()
    embedding = pa.FixedSizeBinaryArray.from_buffers(
        schema.field("embedding").type, len(ids), [None, pa.py_buffer(raw)]
    )
    count = len(ids)
    columns = [
        list(ids),
        [space] * count if isinstance(space, str) else list(space),
        [content] * count,
        embedding,
        [0.5] * count,
        [activation] * count,
        [decay_rate] * count,
        [1_700_000_000_000_000] * count,
        [{"system": "postgresql", "kind": "users", "key": id} for id in ids],
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def edges(links: Sequence[Link] = ()) -> pa.RecordBatch:
    rows = [
        {
            "id": link.id,
            "source": link.source,
            "source_space": link.source_space,
            "target": link.target,
            "target_space": link.target_space,
            "type": "KNOWS",
            "origin": link.origin,
            "weight": 0.8,
            "created_at": None,
            "properties": '{"since": 1}',
        }
        for link in links
    ]
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in EDGE_SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=EDGE_SCHEMA)


def receipt(page_id: str, memory_batch: pa.RecordBatch, edge_batch: pa.RecordBatch) -> PageReceipt:
    return PageReceipt(
        page_id=page_id,
        memories=dict(Counter(memory_batch["space"].to_pylist())),
        edges=dict(Counter(edge_batch["origin"].to_pylist())),
        dead_letters=0,
        digest=combined(memory_hashes(memory_batch)),
        low_confidence=0,
        zero_vectors=0,
        omitted_times=0,
        texts=(memory_batch.num_rows, memory_batch.num_rows),
        bytes=0,
        written_at=0.0,
        edge_digest=combined(edge_hashes(edge_batch)),
    )


def write(run: Run, page_id: str, batch: pa.RecordBatch, links: Sequence[Link] = ()) -> PageReceipt:
    edge_batch = edges(links)
    return run.write_page(batch, edge_batch, receipt(page_id, batch, edge_batch))
