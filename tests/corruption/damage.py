"""Ways to damage a store, and what must be named when it is validated."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from engram_store import pages
from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.model import DIMENSION, PageReceipt
from engram_store.run import Run
from engram_store.store import Store
from tests.corruption.made import ROWS, RUN

#: The memory and the edge that most damages are done to, on page p2, with what follows it there.
MEMORY, NEXT = "users_85", "users_86"
EDGE = "knows:users_85"
ROW = 5


@dataclass(frozen=True, slots=True)
class Damage:
    """A way to damage a store.

    Attributes:
        name: What is done.
        do: Does it to the store in a folder.
        named: What validating must name.
    """

    name: str
    do: Callable[[Path], None]
    named: tuple[str, ...]


def index(*statements: str) -> Callable[[Path], None]:
    """Changes the read index; :m, :n and :e are the numbers of memory, next memory and edge."""

    def do(store: Path) -> None:
        (file,) = store.glob("serving/*/index.sqlite")
        with closing(sqlite3.connect(file)) as connection, connection:
            numbers = {
                "m": _number(connection, "memory", MEMORY),
                "n": _number(connection, "memory", NEXT),
                "e": _number(connection, "edge", EDGE),
            }
            for statement in statements:
                assert connection.execute(statement, numbers).rowcount, statement

    return do


def _number(connection: sqlite3.Connection, table: str, id: str) -> int:
    return int(connection.execute(f"SELECT number FROM {table} WHERE id = ?", (id,)).fetchone()[0])


def memory(values: str) -> Callable[[Path], None]:
    """Changes the memory in the index."""
    return index(f"UPDATE memory SET {values} WHERE number = :m")


def edge(values: str) -> Callable[[Path], None]:
    """Changes the edge in the index."""
    return index(f"UPDATE edge SET {values} WHERE number = :e")


def vectors(change: Callable[[Any], None]) -> Callable[[Path], None]:
    """Changes vectors of page p2 where they lie; (rows, 768) of 16-bit floats."""

    def do(store: Path) -> None:
        path = run_of(store).memories_path("p2")
        offset, kind = pages.vector_place(pages.read_footer(path), path)
        table = np.memmap(path, kind, "r+", offset, (ROWS, DIMENSION))
        change(table)
        table.flush()

    return do


Row = dict[str, Any]


def rows(
    change: Callable[[list[Row]], object],
    *,
    forged: bool = False,
    finalized: bool = True,
    edges: bool = False,
) -> Callable[[Path], None]:
    """Changes the records in the file of page p2.

    Args:
        change: What is done to them; row 5 is the memory, or the edge.
        forged: Make a new receipt of them.
        finalized: Make a new index of the changed file.
        edges: Change its edges.
    """

    def do(store: Path) -> None:
        run = run_of(store)
        path = run.edges_path("p2") if edges else run.memories_path("p2")
        receipt = pages.read_receipt(pages.read_footer(run.memories_path("p2")), run.memories_path("p2"))
        batch = pages.read_page(path)
        changed = batch.to_pylist()
        change(changed)
        batch = pa.RecordBatch.from_pylist(changed, batch.schema)
        if forged:
            counts = {"users": batch.num_rows}
            receipt = replace(receipt, memories=counts, digest=combined(memory_hashes(batch)))
        footer = {} if edges else {pages._RECEIPT: pages._footer(receipt)}
        size = max(pages._PAGE_BYTES, batch.num_rows * 2 * DIMENSION + 1)
        pages._write(path, batch, size, footer)
        if finalized:
            # A page of memories that was written again makes the next finalize build anew.
            os.utime(run.memories_path("p2"))
            Store.open(store).finalize()

    return do


def forged_edges(store: Path) -> None:
    """Changes an edge in its file, and the receipt with it."""
    rows(lambda r: r[ROW].update(weight=0.1), edges=True, finalized=False)(store)
    digest = combined(edge_hashes(run_of(store).edges("p2")))
    _with_receipt(store, lambda receipt: replace(receipt, edge_digest=digest))


def page_of_earlier_version(store: Path) -> None:
    """Makes page p2 what it would be if it were written before there were digests over everything."""
    (run_of(store).path / "seal.json").unlink()
    _with_receipt(store, lambda receipt: replace(receipt, digest="1" * 32, edge_digest=""))


def _with_receipt(store: Path, change: Callable[[PageReceipt], PageReceipt]) -> None:
    run = run_of(store)
    path = run.memories_path("p2")
    receipt = change(pages.read_receipt(pages.read_footer(path), path))
    batch = run.memories("p2")
    pages._write(path, batch, batch.num_rows * 2 * DIMENSION + 1, {pages._RECEIPT: pages._footer(receipt)})
    Store.open(store).finalize()


def run_of(store: Path) -> Run:
    """The run that is damaged."""
    return Store.open(store).run(RUN)


def file(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Changes a file of the run."""

    def do(store: Path) -> None:
        path = run_of(store).path / name
        path.write_bytes(change(path.read_bytes()))

    return do


def json(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Changes a JSON file of the run."""
    return file(name, lambda data: orjson.dumps(change(orjson.loads(data))))
