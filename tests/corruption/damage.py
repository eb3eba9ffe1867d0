"""Ways to damage a store, and what must be named when it is validated."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from engram_store import pages
from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.model import DIMENSION
from engram_store.run import Run
from engram_store.store import Store
from tests.corruption.made import OLDER, ROWS, RUN

#: The memory and the edge that most damages are done to, on page p2, with what follows it there.
MEMORY, NEXT = "users_85", "users_86"
EDGE = "knows:users_85"
_ROW = 5


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
    rows(lambda r: r[_ROW].update(weight=0.1), edges=True, finalized=False)(store)
    run = run_of(store)
    path = run.memories_path("p2")
    receipt = pages.read_receipt(pages.read_footer(path), path)
    receipt = replace(receipt, edge_digest=combined(edge_hashes(run.edges("p2"))))
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


def _without_page(store: Path) -> None:
    run_of(store).memories_path("p2").unlink()


def _without_edges(store: Path) -> None:
    run_of(store).edges_path("p2").unlink()


def _other_runs_page(store: Path) -> None:
    other = Store.open(store).run(OLDER)
    shutil.copyfile(other.memories_path("p2"), run_of(store).memories_path("p2"))
    Store.open(store).finalize()


def _pages_exchanged(store: Path) -> None:
    one, other = (run_of(store).memories_path(page) for page in ("p2", "p4"))
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def _page_added(store: Path) -> None:
    shutil.copyfile(run_of(store).memories_path("p2"), run_of(store).memories_path("p9"))


def _index_cut(store: Path) -> None:
    (path,) = store.glob("serving/*/index.sqlite")
    with path.open("r+b") as handle:
        handle.truncate(path.stat().st_size // 2)


def _zero(table: Any) -> None:
    table[_ROW] = 0


def _not_a_number(table: Any) -> None:
    table[_ROW, 100] = np.nan


def _infinite(table: Any) -> None:
    table[_ROW, 100] = np.inf


def _longer(table: Any) -> None:
    table[_ROW] = table[_ROW] * 3


def _swapped(table: Any) -> None:
    table[[_ROW, _ROW + 1]] = table[[_ROW + 1, _ROW]]


def _one_bit(table: Any) -> None:
    table.view(np.uint16)[_ROW, 300] ^= 1


def _negated(table: Any) -> None:
    table[_ROW] = -table[_ROW]


def _swap_contents(records: list[Row]) -> None:
    one, other = records[_ROW], records[_ROW + 1]
    one["content"], other["content"] = other["content"], one["content"]


def _swap_vectors(records: list[Row]) -> None:
    one, other = records[_ROW], records[_ROW + 1]
    one["embedding"], other["embedding"] = other["embedding"], one["embedding"]


def _set(**values: Any) -> Callable[[list[Row]], None]:
    return lambda records: records[_ROW].update(values)


_NEW = "(SELECT max(number) + 1 FROM {})"
_OTHER = {"system": "postgresql", "kind": "public.users", "key": "9999"}
_EXTRA_MEMORY = "INSERT INTO memory SELECT {}, space, {}, content, confidence, activation, decay_rate, created_at, kind, key FROM memory WHERE number = :m"
_EXTRA_EDGE = "INSERT INTO edge SELECT (SELECT max(number) + 1 FROM edge), source, {}, {}, type, origin, weight, created_at, properties FROM edge WHERE number = :e"
_NEW_MEMORY = _EXTRA_MEMORY.format("(SELECT max(number) + 1 FROM memory)", "{}")

IN_INDEX = (
    Damage("a memory dropped", index("DELETE FROM memory WHERE number = :m"), (MEMORY,)),
    Damage("a memory dropped with its look-up", index("DELETE FROM memory WHERE number = :m", "DELETE FROM memory_key WHERE number = :m"), (MEMORY,)),
    Damage("a look-up dropped", index("DELETE FROM memory_key WHERE number = :m"), (MEMORY,)),
    Damage("two look-ups swapped", index("UPDATE memory_key SET number = CASE number WHEN :m THEN :n ELSE :m END WHERE number IN (:m, :n)"), (MEMORY, NEXT)),
    Damage("a look-up that finds another memory", index("INSERT INTO memory_key SELECT space, 'ghost', number FROM memory_key WHERE number = :m"), ("ghost",)),
    Damage("a memory doubled", index(_NEW_MEMORY.format("id")), (MEMORY,)),
    Damage("a memory added", index(_NEW_MEMORY.format("'ghost'"), "INSERT INTO memory_key SELECT space, id, number FROM memory WHERE id = 'ghost'"), ("ghost",)),
    Damage("a memory added before all pages", index(_EXTRA_MEMORY.format("-5", "'ghost'"), "INSERT INTO memory_key SELECT space, id, number FROM memory WHERE id = 'ghost'"), ("ghost",)),
    Damage("two contents swapped", index("UPDATE memory SET content = (SELECT content FROM memory AS other WHERE other.number = :m + :n - memory.number) WHERE number IN (:m, :n)"), (MEMORY, NEXT)),
    Damage("two memories swapped", index("UPDATE memory SET number = -1 WHERE number = :m", "UPDATE memory SET number = :m WHERE number = :n", "UPDATE memory SET number = :n WHERE number = -1"), (MEMORY, NEXT)),
    Damage("content cut off", memory("content = substr(content, 1, 20)"), (MEMORY,)),
    Damage("content emptied", memory("content = ''"), (MEMORY,)),
    Damage("content gone", memory("content = NULL"), (MEMORY,)),
    Damage("content that is other JSON", memory("""content = '{"id":85}'"""), (MEMORY,)),
    Damage("one byte of content", memory("content = replace(content, 'Name of', 'Name oF')"), (MEMORY,)),
    Damage("content that is no text", memory("content = CAST(x'7b22ff7d' AS TEXT)"), (MEMORY,)),
    Damage("content that is bytes", memory("content = x'ff00ff'"), (MEMORY,)),
    Damage("a wrong id", index("UPDATE memory SET id = 'users_x' WHERE number = :m", "UPDATE memory_key SET id = 'users_x' WHERE number = :m"), (MEMORY, "users_x")),
    Damage("a wrong space", index("UPDATE memory SET space = (SELECT id FROM space WHERE name = 'posts') WHERE number = :m", "UPDATE memory_key SET space = (SELECT id FROM space WHERE name = 'posts') WHERE number = :m"), (f"users/{MEMORY}", f"posts/{MEMORY}")),
    Damage("a wrong confidence", memory("confidence = 0.4"), (MEMORY, "confidence")),
    Damage("a confidence wrong in its last place", memory("confidence = confidence + 1e-9"), (MEMORY,)),
    Damage("a wrong activation", memory("activation = 0.1"), (MEMORY, "activation")),
    Damage("a wrong time to live", memory("decay_rate = decay_rate * 2"), (MEMORY, "decay_rate")),
    Damage("a wrong time", memory("created_at = ifnull(created_at, 0) + 1000000"), (MEMORY, "created_at")),
    Damage("a time gone", index("UPDATE memory SET created_at = NULL WHERE number = :n"), (NEXT, "created_at")),
    Damage("a wrong source key", memory("key = '9999'"), (MEMORY, "source")),
    Damage("a wrong source table", memory("kind = (SELECT id FROM kind WHERE kind = 'string')"), (MEMORY, "source")),
    Damage("a wrong count of a space", index("UPDATE space SET memories = memories + 1 WHERE name = 'users'"), ("users",)),
    Damage("a wrong count of a page's space", index("UPDATE page_space SET memories = memories - 1 WHERE first <= :m AND first + 40 > :m"), ("users",)),
    Damage("a wrong count of edges", index("UPDATE origin SET edges = edges - 1 WHERE name = 'fk_knows'"), ("fk_knows",)),
    Damage("a space renamed", index("UPDATE space SET name = 'people' WHERE name = 'users'"), ("people",)),
    Damage("a page lost", index("DELETE FROM page WHERE name = 'p2' AND first <= :m AND first + 40 > :m"), ("p2", MEMORY)),
    Damage("a page and its memories lost", index("DELETE FROM memory WHERE number >= :m - 5 AND number < :m + 35", "DELETE FROM memory_key WHERE number >= :m - 5 AND number < :m + 35", "DELETE FROM page WHERE first = :m - 5"), (MEMORY,)),
    Damage("a page renamed", index("UPDATE page SET name = 'p77' WHERE first = :m - 5"), ("p77", MEMORY)),
    Damage("a page given to another run", index(f"UPDATE page SET run = (SELECT id FROM run WHERE name = '{OLDER}') WHERE first = :m - 5"), ("p2", MEMORY)),
    Damage("vectors taken from another place", index("UPDATE page SET vector_offset = vector_offset + 1536 WHERE first = :m - 5"), (MEMORY,)),
    Damage("vectors of another page", index("UPDATE page SET vector_offset = 4 WHERE first = :m - 5"), (MEMORY,)),
    Damage("vectors of another type", index("UPDATE page SET vector_type = 'float32' WHERE first = :m - 5"), (MEMORY,)),
    Damage("a wrong model", index(f"UPDATE run SET model = 'openai/x' WHERE name = '{RUN}'"), ("openai/x",)),
    Damage("a wrong start", index(f"UPDATE run SET started_at = started_at + 60 WHERE name = '{RUN}'"), (RUN,)),
    Damage("an edge dropped", index("DELETE FROM edge WHERE number = :e"), (EDGE,)),
    Damage("an edge added", index(_EXTRA_EDGE.format("target", "'ghost'")), ("ghost",)),
    Damage("an edge doubled", index(_EXTRA_EDGE.format("target", "id")), (EDGE,)),
    Damage("an edge reversed", index("UPDATE edge SET source = target, target = source WHERE number = :e"), (EDGE,)),
    Damage("an edge of another weight", edge("weight = weight + 0.01"), (EDGE, "weight")),
    Damage("an edge of another type", edge("type = (SELECT id FROM type WHERE name = 'WROTE')"), (EDGE, "type")),
    Damage("an edge of another origin", edge("origin = (SELECT id FROM origin WHERE name = 'fk_author')"), (EDGE,)),
    Damage("an edge of another id", edge("id = 'knows:x'"), (EDGE, "knows:x")),
    Damage("an edge to another memory", edge("target = target + 1"), (EDGE, "target")),
    Damage("an edge from another memory", edge("source = source - 1"), (EDGE, "source")),
    Damage("an edge to nothing", edge("target = 999999"), (EDGE, "nothing")),
    Damage("an edge from nothing", edge("source = 999999"), (EDGE, "nothing")),
    Damage("an edge with properties", edge("properties = '{}'"), (EDGE, "properties")),
    Damage("an edge with another time", edge("created_at = 1"), (EDGE, "created_at")),
    Damage("properties altered", index("""UPDATE edge SET properties = '{"note":"x"}' WHERE id = 'author:posts_60'"""), ("author:posts_60", "properties")),
    Damage("properties gone", index("UPDATE edge SET properties = NULL WHERE id = 'author:posts_60'"), ("author:posts_60", "properties")),
    Damage("all edges of a page lost", index("DELETE FROM edge WHERE number >= :e - 5 AND number < :e + 34"), (EDGE,)),
    Damage("a page of edges lost", index("DELETE FROM edge WHERE number >= :e - 5 AND number < :e + 34", "DELETE FROM edge_page WHERE name = 'p2'"), (EDGE,)),
    Damage("an orphan served", index("INSERT INTO edge SELECT (SELECT max(number) + 1 FROM edge), source, 999999, 'author:posts_43', type, origin, weight, created_at, properties FROM edge WHERE number = :e"), ("author:posts_43",)),
    Damage("an index cut off", _index_cut, ("index",)),
)  # fmt: skip

IN_FILES = (
    Damage("a zero vector", vectors(_zero), (MEMORY,)),
    Damage("a vector with what is no number", vectors(_not_a_number), (MEMORY,)),
    Damage("a vector with an infinite number", vectors(_infinite), (MEMORY,)),
    Damage("a vector that is too long", vectors(_longer), (MEMORY,)),
    Damage("two vectors swapped", vectors(_swapped), (MEMORY, NEXT)),
    Damage("one bit of a vector", vectors(_one_bit), (MEMORY,)),
    Damage("a vector negated", vectors(_negated), (MEMORY,)),
    Damage("content altered", rows(_set(content="{}")), (MEMORY, "content")),
    Damage("content cut off", rows(_set(content='{"id":85,"na')), (MEMORY, "content")),
    Damage("a wrong id", rows(_set(id="users_x")), (MEMORY, "users_x")),
    Damage("a wrong space", rows(_set(space="posts"), finalized=False), ("p2", MEMORY)),
    Damage("a wrong confidence", rows(_set(confidence=0.1)), (MEMORY, "confidence")),
    Damage("a wrong activation", rows(_set(activation=0.0)), (MEMORY, "activation")),
    Damage("a wrong time to live", rows(_set(decay_rate=7.0)), (MEMORY, "decay_rate")),
    Damage("a time gone", rows(lambda r: r[_ROW + 1].update(created_at=None)), (NEXT, "created_at")),
    Damage("a wrong source", rows(_set(source=_OTHER)), (MEMORY, "source")),
    Damage("two contents swapped", rows(_swap_contents), (MEMORY, NEXT)),
    Damage("two vectors swapped and an index made of them", rows(_swap_vectors), (MEMORY, NEXT)),
    Damage("a record dropped", rows(lambda r: r.pop(_ROW), finalized=False), ("p2", MEMORY)),
    Damage("a record doubled", rows(lambda r: r.append(r[_ROW]), finalized=False), ("p2", MEMORY)),
    Damage("a record dropped with a new receipt", rows(lambda r: r.pop(_ROW), forged=True), ("p2", MEMORY)),
    Damage("a record altered with a new receipt", rows(_set(content="{}"), forged=True), ("p2", MEMORY)),
    Damage("a record altered with a new receipt, and an old index", rows(_set(confidence=0.2), forged=True, finalized=False), ("p2", MEMORY)),
    Damage("an edge altered", rows(_set(weight=0.99), edges=True), (EDGE, "weight")),
    Damage("an edge altered, and an old index", rows(_set(weight=0.99), edges=True, finalized=False), (EDGE, "weight")),
    Damage("an edge dropped", rows(lambda r: r.pop(_ROW), edges=True, finalized=False), (EDGE,)),
    Damage("an edge reversed", rows(lambda r: r[_ROW].update(source=r[_ROW]["target"], target=r[_ROW]["source"]), edges=True), (EDGE,)),
    Damage("an edge altered with a new receipt", forged_edges, (EDGE, "weight")),
    Damage("a page lost", _without_page, ("p2", MEMORY)),
    Damage("a page of edges lost", _without_edges, ("p2",)),
    Damage("a page of another run", _other_runs_page, ("p2", MEMORY)),
    Damage("two pages exchanged", _pages_exchanged, ("p2", "p4")),
    Damage("a page that was not committed", _page_added, ("p9",)),
    Damage("a page cut off", file("memories/p2.parquet", lambda data: data[:-2000]), ("p2",)),
    Damage("a page emptied", file("memories/p2.parquet", lambda data: b""), ("p2",)),
    Damage("a page without its beginning", file("memories/p2.parquet", lambda data: bytes(4000) + data[4000:]), ("p2",)),
    Damage("a page of edges cut off", file("edges/p2.parquet", lambda data: data[:-100]), ("p2",)),
    Damage("the list of committed pages cut off", file("committed.json", lambda data: data[:-5]), ("committed.json",)),
    Damage("the list of committed pages of another form", json("committed.json", lambda names: {"pages": names}), ("committed.json",)),
    Damage("a page missing from the list", json("committed.json", lambda names: [n for n in names if n != "p2"]), ("p2",)),
    Damage("no page in the list", json("committed.json", lambda names: []), ("p2",)),
    Damage("the list of committed pages lost", lambda store: (run_of(store).path / "committed.json").unlink(), ("p2",)),
    Damage("the manifest cut off", file("MANIFEST.json", lambda data: data[:-30]), ("manifest",)),
    Damage("another model in the manifest", json("MANIFEST.json", lambda m: {**m, "model": "openai/x"}), ("openai/x",)),
    Damage("another start in the manifest", json("MANIFEST.json", lambda m: {**m, "started_at": "2025-02-02T00:00:00+00:00"}), (RUN,)),
    Damage("the seal cut off", file("seal.json", lambda data: data[:-30]), ("seal",)),
    Damage("another digest in the seal", json("seal.json", lambda s: {**s, "p2": ["0" * 32, s["p2"][1]]}), ("p2",)),
    Damage("fewer orphans reported", json("orphans.json", lambda o: {**o, "fk_author": {**o["fk_author"], "orphans": 1}}), ("author:posts_43", "author:posts_44")),
    Damage("the list of orphans cut off", file("orphans.json", lambda data: data[:-9]), ("orphans",)),
)  # fmt: skip

DAMAGES: Sequence[tuple[str, Damage]] = [
    *(("index", damage) for damage in IN_INDEX),
    *(("files", damage) for damage in IN_FILES),
]
