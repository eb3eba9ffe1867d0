"""Pages and batches as bytes, as they go between a client and the server.

A page is two Arrow IPC streams, one after the other: its memories, whose schema carries the
receipt and the refused records as JSON, and its edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import pyarrow as pa

from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.errors import IntegrityError, MappingError
from engram_store.model import EDGE_SCHEMA, PageReceipt, memory_schema
from engram_store.parts import Part

#: The content type of what this module packs.
ARROW = "application/vnd.apache.arrow.stream"

_RECEIPT = b"engram_receipt"
_LETTERS = b"engram_dead_letters"
_PART = b"engram_part"
_MEMORY_SCHEMAS = (memory_schema("float16"), memory_schema("float32"))

#: Refused records by stage; a stage without any says so by an empty list.
Letters = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class WirePage:
    """A page with all that belongs to it."""

    memories: pa.RecordBatch
    edges: pa.RecordBatch
    receipt: PageReceipt
    dead_letters: Letters


def pack_page(page: WirePage) -> bytes:
    """A page as the body of a request."""
    extra = {
        **(page.memories.schema.metadata or {}),
        _RECEIPT: orjson.dumps(asdict(page.receipt)),
        _LETTERS: orjson.dumps(page.dead_letters),
    }
    sink = pa.BufferOutputStream()
    _write(sink, page.memories.replace_schema_metadata(extra))
    _write(sink, page.edges)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack_page(data: bytes) -> WirePage:
    """The page of a request's body, with nothing in it taken on trust.

    Raises:
        MappingError: It is not a page, or not a whole one.
        IntegrityError: Its receipt was not made from its records.
    """
    source = pa.BufferReader(data)
    memories, edges = _read(source), _read(source)
    extra = memories.schema.metadata or {}
    try:
        receipt = receipt_of(orjson.loads(extra[_RECEIPT]))
        letters = _checked_letters(orjson.loads(extra[_LETTERS]))
    except (KeyError, TypeError, ValueError) as error:
        raise _no_page(f"its receipt or its refused records cannot be read: {error}") from error
    page = WirePage(_as(memories, *_MEMORY_SCHEMAS), _as(edges, EDGE_SCHEMA), receipt, letters)
    found = combined(memory_hashes(page.memories)), combined(edge_hashes(page.edges))
    if found != (receipt.digest, receipt.edge_digest):
        raise IntegrityError(
            f"The records of page `{receipt.page_id}` are not those that its receipt was made of.",
            why="The digest over all their fields is another.",
            suggestion="Send the page again.",
        )
    return page


def pack_batch(batch: pa.RecordBatch) -> bytes:
    """One batch as the body of an answer."""
    sink = pa.BufferOutputStream()
    _write(sink, batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack_batch(data: bytes) -> pa.RecordBatch:
    """The batch of an answer's body.

    Raises:
        MappingError: It is none.
    """
    return _read(pa.BufferReader(data))


def pack_parts(parts: Iterable[Part]) -> bytes:
    """Parts of what is served as the body of an answer: one stream each."""
    sink = pa.BufferOutputStream()
    for part in parts:
        about = (part.number, part.run, part.page, part.model, part.started_at)
        _write(sink, part.rows.replace_schema_metadata({_PART: orjson.dumps(about)}))
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack_parts(data: bytes) -> Iterator[Part]:
    """The parts of an answer's body.

    Raises:
        MappingError: It holds something else.
    """
    source = pa.BufferReader(data)
    while source.tell() < len(data):
        rows = _read(source)
        try:
            number, run, page, model, started_at = orjson.loads(rows.schema.metadata[_PART])
        except (KeyError, TypeError, ValueError) as error:
            raise _no_page(f"a part does not say what it is: {error}") from error
        yield Part(number, run, page, model, started_at, rows.replace_schema_metadata(None))


def receipt_of(fields: Mapping[str, Any]) -> PageReceipt:
    """A receipt from its JSON form.

    Raises:
        TypeError: A field is missing, unknown, or of another type.
    """
    receipt = PageReceipt(**{**fields, "texts": tuple(fields["texts"])})
    counts = [
        *(receipt.dead_letters, receipt.low_confidence, receipt.zero_vectors, receipt.omitted_times),
        *(receipt.expired, receipt.derived, *receipt.texts),
        *(receipt.computed, receipt.tokens),
        *(*dict(receipt.memories).values(), *dict(receipt.edges).values()),
    ]
    if not all(type(count) is int for count in counts) or len(receipt.texts) != 2:
        raise TypeError("a count is not a whole number")
    texts = (receipt.page_id, receipt.digest, receipt.edge_digest)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("the page's name and digests must be texts")
    return receipt


def _checked_letters(letters: Any) -> Letters:
    well_formed = isinstance(letters, dict) and all(
        isinstance(lines, list) and all(isinstance(line, dict) for line in lines)
        for lines in letters.values()
    )
    if not well_formed:
        raise TypeError("refused records are lists of objects, by stage")
    checked: Letters = letters
    return checked


def _write(sink: pa.NativeFile, batch: pa.RecordBatch) -> None:
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)


def _read(source: pa.NativeFile) -> pa.RecordBatch:
    try:
        with pa.ipc.open_stream(source) as reader:
            batch = reader.read_next_batch()
            if any(True for _ in reader):
                raise _no_page("it has more than one batch of records")
        batch.validate(full=True)
    except (pa.ArrowException, StopIteration, OSError, ValueError) as error:
        raise _no_page(str(error) or "a batch of records is missing") from error
    return batch


def _as(batch: pa.RecordBatch, *schemas: pa.Schema) -> pa.RecordBatch:
    """The batch in the store's own schema: what else a sender put into it is left out."""
    for schema in schemas:
        if batch.schema.equals(schema):
            return pa.RecordBatch.from_arrays(batch.columns, schema=schema)
    raise _no_page(f"its columns are {', '.join(f'{field.name} {field.type}' for field in batch.schema)}")


def _no_page(why: str) -> MappingError:
    return MappingError(
        "This is not a page of Engram Migrate.",
        why=why,
        suggestion="Send two Arrow IPC streams, memories and edges, as `engram_store.wire` packs them.",
    )
