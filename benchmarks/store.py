"""The embedded store's speed, beside what pyarrow alone takes to write the same rows.

Example:
    python -m benchmarks.store --records 100000
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.model import DIMENSION, EDGE_SCHEMA, PageReceipt, memory_schema
from engram_store.store import Store

PAGE = 1000
LOOKUPS = 2000


def synthetic_page(
    number: int, rows: int, seed: np.random.Generator
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Memories of about 200 bytes, and two edges each: one near by, one anywhere before."""
    first = number * PAGE
    ids = [f"users_{first + row}" for row in range(rows)]
    vectors = seed.standard_normal((rows, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    schema = memory_schema()
    embedding = pa.FixedSizeBinaryArray.from_buffers(
        schema.field("embedding").type, rows, [None, pa.py_buffer(vectors.astype(np.float16))]
    )
    source = [{"system": "benchmark", "kind": "users", "key": id} for id in ids]
    contents = [f'{{"id": "{id}", "name": "John Doe", "bio": "{"some text " * 15}"}}' for id in ids]
    same = np.ones(rows, dtype=np.float32)
    moments = np.full(rows, 1_700_000_000_000_000)
    columns = [ids, ["users"] * rows, contents, embedding, same, same, same / 100, moments, source]
    memories = pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
    return memories, _edges(ids, first, seed)


def _edges(ids: list[str], first: int, seed: np.random.Generator) -> pa.RecordBatch:
    anywhere = seed.integers(0, first + len(ids), len(ids))
    targets = [*(f"users_{max(0, first + row - 1)}" for row in range(len(ids)))]
    targets += [f"users_{row}" for row in anywhere]
    count = len(targets)
    columns = [
        [f"edge_{first}_{row}" for row in range(count)],
        ids * 2,
        ["users"] * count,
        targets,
        ["users"] * count,
        ["KNOWS"] * count,
        ["users_fk"] * count,
        np.full(count, 0.8, dtype=np.float32),
        [None] * count,
        [None] * count,
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, EDGE_SCHEMA, strict=True)],
        schema=EDGE_SCHEMA,
    )


def receipt(page_id: str, memories: pa.RecordBatch, edges: pa.RecordBatch) -> PageReceipt:
    """The receipt that a pipeline would hand over with such a page."""
    return PageReceipt(
        page_id=page_id,
        memories={"users": memories.num_rows},
        edges={"users_fk": edges.num_rows},
        dead_letters=0,
        digest=combined(memory_hashes(memories)),
        low_confidence=0,
        zero_vectors=0,
        omitted_times=0,
        texts=(memories.num_rows, memories.num_rows),
        bytes=0,
        written_at=0.0,
        edge_digest=combined(edge_hashes(edges)),
    )


class Stopwatch:
    """CPU and wall seconds, summed by name."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self.wall: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self.cpu[name] = self.cpu.get(name, 0) + time.process_time() - cpu
        self.wall[name] = self.wall.get(name, 0) + time.perf_counter() - wall


def bare_write(path: Path, memories: pa.RecordBatch, edges: pa.RecordBatch) -> None:
    """The same encoding by pyarrow alone: no receipt, no checks, nothing made durable."""
    scalars = [name for name in memories.schema.names if name not in ("embedding", "source")]
    scalars += ["source.system", "source.kind", "source.key"]
    compression = {"embedding": "none", **dict.fromkeys(scalars, "zstd")}
    options = {"use_dictionary": False, "write_statistics": False}
    table = pa.Table.from_batches([memories])
    pq.write_table(table, path / "memories.parquet", compression=compression, **options)
    pq.write_table(pa.Table.from_batches([edges]), path / "edges.parquet", compression="zstd", **options)


def pages_of(records: int) -> Iterator[tuple[str, pa.RecordBatch, pa.RecordBatch]]:
    seed = np.random.default_rng(7)
    for number in range((records + PAGE - 1) // PAGE):
        yield f"{number:06}", *synthetic_page(number, min(PAGE, records - number * PAGE), seed)


def measure(folder: Path, records: int) -> None:
    """Writes, checks, finalizes and reads ``records`` memories, and prints what each step took."""
    store, watch = Store.open(folder / "store", create=True), Stopwatch()
    run = store.create_run("benchmark", {"model": "synthetic"})
    for page_id, memories, edges in pages_of(records):
        proof = receipt(page_id, memories, edges)
        watch.time("write, pyarrow alone", partial(bare_write, folder, memories, edges))
        watch.time("write", partial(run.write_page, memories, edges, proof))
    watch.time("receipts", lambda: list(run.receipts()))
    watch.time("check edges", lambda: store.check_edges(run.id))
    watch.time("finalize", store.finalize)
    watch.time("finalize again", store.finalize)
    print(f"{records:,} memories, {2 * records:,} edges")
    for name in watch.cpu:
        cpu, wall = (times[name] / records * 1e6 for times in (watch.cpu, watch.wall))
        print(f"  {name:22} {cpu:8.2f} µs CPU a record {wall:8.2f} µs wall")
    print(f"  write / pyarrow alone  {watch.cpu['write'] / watch.cpu['write, pyarrow alone']:8.2f}")
    measure_reading(store, records)
    print(f"  peak memory            {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MB")
    for part in ("runs", "serving"):
        size = sum(path.stat().st_size for path in (store.path / part).rglob("*") if path.is_file())
        print(f"  {part:22} {size / records:8.0f} bytes a record")


def measure_reading(store: Store, records: int) -> None:
    """Prints what look-ups take, at random ids."""
    seed = np.random.default_rng(8)
    ids = [f"users_{row}" for row in seed.integers(0, records, LOOKUPS)]
    start = time.perf_counter()
    reader = store.reader()
    print(f"  open                   {(time.perf_counter() - start) * 1e3:8.2f} ms")
    steps: dict[str, Callable[[str], object]] = {
        "get": lambda id: reader.get("users", id),
        "embedding": lambda id: reader.embedding("users", id),
        "edges": lambda id: reader.edges("users", id, "both"),
        "two hops": lambda id: reader.neighbours("users", id, 2),
    }
    for name, step in steps.items():
        print(f"  {name:22} {_median(step, ids) * 1e6:8.1f} µs")
    vector = seed.standard_normal(DIMENSION)
    took = _median(lambda _: reader.recall(vector), ids[:5])
    print(f"  recall, 10 of all      {took * 1e3:8.1f} ms")


def _median(step: Callable[[str], object], ids: list[str]) -> float:
    times = []
    for id in ids:
        start = time.perf_counter()
        step(id)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def in_a_folder(measure: Callable[[Path, int], None], description: str | None) -> None:
    """Measures in a temporary folder, by the records and the place that the command line says."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's temporary folder)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="engram-benchmark-", dir=options.folder))
    try:
        measure(folder, options.records)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    in_a_folder(measure, __doc__)
