from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_store import pages
from engram_store.errors import ConfigurationError, IntegrityError, MappingError
from engram_store.files import file_name, page_name
from engram_store.model import DIMENSION
from engram_store.run import Run
from engram_store.vectors import VectorPage
from tests.store.synthetic import Link, Vectors, edges, memories, receipt, vectors, write


def test_same_rows_give_the_same_bytes(run: Run) -> None:
    links = [Link("e1", "a", "b")]
    first = write(run, "p", memories(["a", "b"]), links)
    before = [path.read_bytes() for path in (run.memories_path("p"), run.edges_path("p"))]
    second = write(run, "p", memories(["a", "b"]), links)
    assert [path.read_bytes() for path in (run.memories_path("p"), run.edges_path("p"))] == before
    assert (first.bytes, first.digest) == (second.bytes, second.digest)
    assert first.bytes == sum(map(len, before))


def test_rows_come_back_as_they_were_written(run: Run) -> None:
    batch, links = memories(["a", "ü/…", ""]), [Link("e1", "a", None)]
    write(run, "p", batch, links)
    assert run.memories("p").equals(batch)
    assert run.edges("p").equals(edges(links))


@pytest.mark.parametrize("vector_type", ["float16", "float32"])
@pytest.mark.parametrize("rows", [1, 7, 1000, 25_000])
def test_vectors_are_found_by_offset(run: Run, vector_type: str, rows: int) -> None:
    table = np.arange(rows * DIMENSION, dtype=np.float32).reshape(rows, DIMENSION) % 2039
    write(run, "p", memories([str(row) for row in range(rows)], table=table, vector_type=vector_type))
    path = run.memories_path("p")
    offset, dtype = pages.vector_place(pages.read_footer(path), path)
    page = VectorPage(path, 0, rows, offset, dtype)
    assert dtype == vector_type
    assert np.array_equal(np.concatenate([block for _, block in page.blocks()]), table)
    assert np.array_equal(page.row(rows - 1), table[-1])


def test_pages_do_not_stay_in_the_systems_memory(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Synced first: what is not on the disk yet would stay."""
    told: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: told.append("sync"))
    monkeypatch.setattr(os, "posix_fadvise", lambda *what: told.append("drop" if what[1:3] == (0, 0) else ""))
    pages.write_edges(run.edges_path("p"), edges([Link("e1", "a", "b")]))
    assert told == ["sync", "drop", "sync"]
    write(run, "p", memories(["a"]))
    path = run.memories_path("p")
    page = VectorPage(path, 0, 1, *pages.vector_place(pages.read_footer(path), path))
    told.clear()
    assert page.raw()[0]
    assert told == ["drop"]


def test_a_page_without_memories_keeps_its_edges(run: Run) -> None:
    write(run, "p", memories([]), [Link("e1", "a", "b")])
    assert run.has_page("p")
    assert run.memories("p").num_rows == 0
    assert run.edges("p").num_rows == 1


def test_a_page_without_edges_has_no_edges_file(run: Run) -> None:
    write(run, "p", memories(["a"]), [Link("e1", "a", "b")])
    write(run, "p", memories(["a"]))
    assert not run.edges_path("p").exists()
    assert run.edges("p", ["id"]).num_rows == 0


def test_huge_contents(run: Run) -> None:
    batch = memories([str(row) for row in range(20)], content="x" * (5 << 20))
    write(run, "p", batch)
    assert run.memories("p", ["content"])["content"].equals(batch["content"])
    path = run.memories_path("p")
    offset, dtype = pages.vector_place(pages.read_footer(path), path)
    assert np.array_equal(VectorPage(path, 0, 20, offset, dtype).row(3), _stored(vectors(["3"]))[0])


def test_other_columns_are_refused(run: Run) -> None:
    batch = memories(["a"])
    with pytest.raises(MappingError, match="columns"):
        run.write_page(batch.select(["id", "content"]), edges(), receipt("p", batch, edges()))
    assert not run.has_page("p")


def test_an_empty_required_value_is_refused(run: Run) -> None:
    batch = memories(["a", "b"])
    ids = pa.array(["a", None])
    holed = pa.RecordBatch.from_arrays([ids, *batch.columns[1:]], schema=batch.schema)
    with pytest.raises(MappingError, match="1 empty values of `id`"):
        run.write_page(holed, edges(), receipt("p", batch, edges()))


def test_a_receipt_of_other_rows_is_refused(run: Run) -> None:
    batch = memories(["a", "b"])
    with pytest.raises(IntegrityError, match="counts 1 memories, the page holds 2"):
        run.write_page(batch, edges(), receipt("p", memories(["a"]), edges()))
    with pytest.raises(IntegrityError, match="counts 1 edges, the page holds 0"):
        run.write_page(batch, edges(), receipt("p", batch, edges([Link("e", "a", "b")])))
    assert not run.has_page("p")


def test_receipts_come_back_as_they_were_written(run: Run) -> None:
    batch = memories(["a", "b", "c"])
    written = replace(receipt("p", batch, edges()), expired=4, derived=2)
    assert run.write_page(batch, edges(), written) == run.receipt("p")
    found = run.receipt("p")
    assert (found.expired, found.derived, found.arrived) == (4, 2, 1)


def test_receipts_of_earlier_versions_say_nothing_of_expired_and_derived(run: Run) -> None:
    batch = memories(["a"])
    fields = asdict(receipt("p", batch, edges()))
    for later in ("bytes", "written_at", "expired", "derived", "edge_digest"):
        del fields[later]
    path = run.memories_path("p")
    with pq.ParquetWriter(str(path), batch.schema) as writer:
        writer.write_batch(batch)
        writer.add_key_value_metadata({b"engram_receipt": orjson.dumps(fields)})
    found = run.receipt("p")
    assert (found.expired, found.derived, found.arrived, found.edge_digest) == (0, 0, 1, "")


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_damaged_page_is_named(run: Run, keep: int) -> None:
    write(run, "p", memories(["a"]))
    path = run.memories_path("p")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(IntegrityError, match=r"p\.parquet` is damaged"):
        list(run.receipts())
    with pytest.raises(IntegrityError, match=r"p\.parquet` is damaged"):
        run.memories("p")


def test_lost_edges_are_noticed(run: Run) -> None:
    write(run, "p", memories(["a"]), [Link("e1", "a", "b")])
    run.edges_path("p").unlink()
    with pytest.raises(IntegrityError, match="lost its edges"):
        list(run.receipts())


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_page_name_is_a_file_name(name: str) -> None:
    made = file_name(name)
    assert page_name(made) == name
    assert Path(made).name == made
    assert not made.startswith(".")


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_impossible_page_names(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a page"):
        file_name(name)


def _stored(table: Vectors) -> Vectors:
    return table.astype(np.float16).astype(np.float32)
