"""Two types that an embedding column can have in a page file: fixed-size binary, fixed-size list."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring import Stopwatch
from benchmarks.pages import page_of
from benchmarks.words import Vocabulary
from engram_store.model import DIMENSION
from io_connectors.engram.arrow import memory_batch
from transforms.embedding.batch import embed_pages
from transforms.embedding.local import LexicalEmbedder

PAGES = 50
PAGE_ROWS = 1000
_EMBEDDING = "embedding"


def measure(folder: Path, watch: Stopwatch) -> dict[str, int]:
    """Writes and reads the same pages in either form, in turns.

    Returns:
        Form → bytes of one page.
    """
    sizes = {}
    for batch in _batches():
        for form, table in _forms(batch).items():
            path = folder / f"{form}.parquet"
            with watch.client(f"{form}, write"):
                _write(path, table)
            with watch.client(f"{form}, read"):
                pq.read_table(path, use_threads=False)
            sizes[form] = path.stat().st_size
    return sizes


def _batches() -> Iterator[pa.RecordBatch]:
    vocabulary, embedder = Vocabulary(random.Random(7)), LexicalEmbedder()
    for number in range(PAGES):
        texts = vocabulary.sentences(PAGE_ROWS, 21)
        contents = [f'{{"id":{row},"bio":"{text}"}}' for row, text in enumerate(texts)]
        [page] = embed_pages(embedder, [page_of(f"{number}", texts, contents)])
        yield memory_batch(page.memories, "float16")


def _forms(batch: pa.RecordBatch) -> Mapping[str, pa.Table]:
    table = pa.Table.from_batches([batch])
    position = batch.schema.get_field_index(_EMBEDDING)
    values = pa.Array.from_buffers(
        pa.float16(), len(batch) * DIMENSION, [None, batch.column(position).buffers()[1]]
    )
    item = pa.field("item", pa.float16(), nullable=False)
    column = pa.FixedSizeListArray.from_arrays(values, type=pa.list_(item, DIMENSION))
    field = pa.field(_EMBEDDING, column.type, nullable=False)
    return {"fixed-size binary": table, "fixed-size list": table.set_column(position, field, column)}


def _write(path: Path, table: pa.Table) -> None:
    """As the store writes a page: vectors plain in one data page, all else packed."""
    compression = {
        leaf: "none" if leaf.startswith(_EMBEDDING) else "zstd"
        for field in table.schema
        for leaf in _leaves(field)
    }
    pq.write_table(
        table,
        path,
        compression=compression,
        use_dictionary=False,
        write_statistics=False,
        data_page_size=1 << 30,
    )


def _leaves(field: pa.Field) -> list[str]:
    if pa.types.is_struct(field.type):
        return [f"{field.name}.{child.name}" for child in field.type]
    return [f"{field.name}.list.element" if pa.types.is_fixed_size_list(field.type) else field.name]
