"""Page files: how memories and edges lie on the disk, and how they are found there.

The embedding column is uncompressed, PLAIN, without levels and in a single data page, so that
the vector of row *r* stands at ``vector_offset + r * width``: the file that is the record of
truth is the vector index as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from engram_store.errors import IntegrityError, MappingError
from engram_store.files import replacing
from engram_store.model import EDGE_SCHEMA, PageReceipt, memory_schema

_RECEIPT = b"engram_receipt"
_MEMORY_SCHEMAS = (memory_schema("float16"), memory_schema("float32"))
# A Parquet page must stay below 2 GiB; the writer looks at its size only between batches of
# rows, so a batch holds no more rows than make about this many bytes of content.
_BYTES_A_BATCH = 64 << 20
_PAGE_BYTES = 1 << 20
_HEADER_AT_MOST = 256


def write_memories(path: Path, memories: pa.RecordBatch, receipt: PageReceipt) -> None:
    """Writes a page of memories with its receipt in the footer; whole, or not at all.

    Raises:
        MappingError: The batch does not have the columns of ``memory_schema``.
        IntegrityError: The receipt counts other memories than the batch holds.
        TargetTerminalError: The disk is full or may not be written.
    """
    _require(memories, _MEMORY_SCHEMAS, path)
    require_count("memories", receipt.memories, memories.num_rows, receipt.page_id)
    width = memories.schema.field("embedding").type.byte_width
    # One data page for all vectors: the largest size that never cuts it.
    page_size = max(_PAGE_BYTES, memories.num_rows * width + 1)
    _write(path, memories, page_size, {_RECEIPT: _footer(receipt)})


def write_edges(path: Path, edges: pa.RecordBatch) -> None:
    """Writes a page of edges; whole, or not at all. Errors as for ``write_memories``."""
    _require(edges, (EDGE_SCHEMA,), path)
    _write(path, edges, _PAGE_BYTES, {})


def read_receipt(metadata: pq.FileMetaData, path: Path) -> PageReceipt:
    """The receipt in a page's footer, without ``bytes`` and ``written_at``.

    Raises:
        IntegrityError: There is none, or it does not fit the page.
    """
    packed = (metadata.metadata or {}).get(_RECEIPT)
    if packed is None:
        raise _damaged(path, "It has no `engram_receipt` in its footer.")
    fields = orjson.loads(packed)
    receipt = PageReceipt(**{**fields, "texts": tuple(fields["texts"])}, bytes=0, written_at=0.0)
    require_count("memories", receipt.memories, metadata.num_rows, receipt.page_id)
    return receipt


def read_footer(path: Path) -> pq.FileMetaData:
    """A page's footer.

    Raises:
        IntegrityError: The file is damaged.
    """
    with _readable(path) as file, pq.ParquetFile(file) as page:
        return page.metadata


def read_page(path: Path, columns: Sequence[str] | None = None) -> pa.RecordBatch:
    """Reads a page as one batch.

    Args:
        path: The page file.
        columns: The columns to read, or None for all.

    Raises:
        IntegrityError: The file is damaged.
    """
    with _readable(path) as file, pq.ParquetFile(file) as page:
        table = page.read(columns=columns, use_threads=False)
    arrays = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def vector_place(metadata: pq.FileMetaData, path: Path) -> tuple[int, str]:
    """Where the vectors of a page begin in its file, and their type.

    Returns:
        The offset in bytes of row 0, and ``float16`` or ``float32``.

    Raises:
        IntegrityError: The vectors do not lie in one plain stretch.
    """
    position = metadata.schema.names.index("embedding")
    width = metadata.schema.column(position).length
    chunk = metadata.row_group(0).column(position)
    vectors = metadata.num_rows * width
    header = chunk.total_compressed_size - vectors
    if chunk.compression != "UNCOMPRESSED" or not 0 < header <= _HEADER_AT_MOST:
        raise _damaged(path, "Its vectors do not lie in one uncompressed data page.")
    kinds = {schema.field("embedding").type.byte_width: schema for schema in _MEMORY_SCHEMAS}
    dtype = kinds[width].field("embedding").metadata[b"dtype"].decode()
    return chunk.data_page_offset + header, dtype


def require_count(what: str, counts: dict[str, int], rows: int, page_id: str) -> None:
    """Checks that a receipt counts the rows that a page holds.

    Raises:
        IntegrityError: It does not.
    """
    counted = sum(counts.values())
    if counted != rows:
        raise IntegrityError(
            f"The receipt of page `{page_id}` counts {counted} {what}, the page holds {rows}.",
            why="The page and its receipt were not made from the same records.",
            suggestion="Remove the page's file and give the same command again: it is read once more.",
        )


@contextmanager
def _readable(path: Path) -> Iterator[pa.NativeFile]:
    try:
        with pa.OSFile(str(path)) as file:
            yield file
    except (FileNotFoundError, PermissionError):
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(path, str(error)) from error


def _write(path: Path, batch: pa.RecordBatch, page_size: int, footer: dict[bytes, bytes]) -> None:
    largest = max((column.nbytes for column in batch.columns), default=0)
    rows = max(1, batch.num_rows)
    with (
        replacing(path, cached=False) as temporary,
        pq.ParquetWriter(
            str(temporary),
            batch.schema,
            compression=_compression(batch.schema),
            use_dictionary=False,
            write_statistics=False,
            data_page_size=page_size,
            max_rows_per_page=rows,
            write_batch_size=max(1, min(1024, rows * _BYTES_A_BATCH // max(1, largest))),
        ) as writer,
    ):
        writer.write_batch(batch, row_group_size=rows)
        writer.add_key_value_metadata(footer)


def _compression(schema: pa.Schema) -> dict[str, str]:
    leaves = [
        f"{field.name}.{child.name}" if pa.types.is_struct(field.type) else field.name
        for field in schema
        for child in (field.type if pa.types.is_struct(field.type) else (field,))
    ]
    return {leaf: "none" if leaf == "embedding" else "zstd" for leaf in leaves}


def _footer(receipt: PageReceipt) -> bytes:
    # Size and time are the file's own; in the footer they would make the same rows differ.
    fields = asdict(replace(receipt, memories=dict(sorted(receipt.memories.items()))))
    del fields["bytes"], fields["written_at"]
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def _require(batch: pa.RecordBatch, schemas: Sequence[pa.Schema], path: Path) -> None:
    if not any(batch.schema.equals(schema) for schema in schemas):
        raise MappingError(
            f"`{path.stem}` does not have the columns of an Engram page.",
            why=f"It has: {_names(batch.schema)}. Wanted: {_names(schemas[0])}.",
            suggestion="Build the batch with `memory_schema()` or `EDGE_SCHEMA`.",
        )
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if not field.nullable and column.null_count:
            raise MappingError(
                f"`{path.stem}` has {column.null_count} empty values of `{field.name}`.",
                why=f"Every record must have `{field.name}`.",
                suggestion="Send such records to the dead letters.",
            )


def _damaged(path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"The page `{path}` is damaged.",
        why=why,
        suggestion="Remove the file and give the same command again: the page is read once more.",
        example=f"rm '{path}'",
    )


def _names(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
