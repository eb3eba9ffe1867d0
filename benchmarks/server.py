"""What a look-up costs over HTTP, beside the same look-up in the process itself and in PostgreSQL.

Example:
    python -m benchmarks.server --records 100000
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psutil
import psycopg
from typing_extensions import LiteralString

from benchmarks.store import pages_of, receipt
from demo.server import running
from engram_store.reader import Reader
from engram_store.store import Store
from io_connectors.engram.address import open_home
from io_connectors.engram.home import MemoryReader
from tests.servers.ports import free_port

ROUNDS = 5
LOOKUPS = 400
SPACE = "users"
LIMIT = 20
_END = b"\r\n\r\n"

_TABLES = """
CREATE TEMP TABLE memory (number bigint PRIMARY KEY, id text NOT NULL, content text NOT NULL);
CREATE TEMP TABLE edge (source text NOT NULL, target text NOT NULL);
"""
_INDEXES = """
CREATE UNIQUE INDEX ON memory (id); CREATE INDEX ON edge (source); CREATE INDEX ON edge (target);
ANALYZE memory; ANALYZE edge;
"""
_NEIGHBOURS: LiteralString = """
SELECT memory.* FROM memory JOIN edge ON memory.id = edge.target WHERE edge.source = %s
UNION SELECT memory.* FROM memory JOIN edge ON memory.id = edge.source WHERE edge.target = %s
"""
_FILTER: LiteralString = "SELECT * FROM memory WHERE number >= %s ORDER BY number LIMIT %s"

Step = Callable[[str], object]


def make(store: Store, database: psycopg.Connection, records: int) -> None:
    """Puts the same memories and edges into a store and into PostgreSQL."""
    run = store.create_run("benchmark", {"model": "local/lexical-1"})
    database.execute(_TABLES)
    cursor, first = database.cursor(), 0
    for page_id, memories, edges in pages_of(records):
        run.write_page(memories, edges, receipt(page_id, memories, edges))
        rows = zip(memories["id"].to_pylist(), memories["content"].to_pylist(), strict=True)
        with cursor.copy("COPY memory FROM STDIN") as copy:
            for number, (id, content) in enumerate(rows, first):
                copy.write_row((number, id, content))
        first += memories.num_rows
        with cursor.copy("COPY edge FROM STDIN") as copy:
            for link in zip(edges["source"].to_pylist(), edges["target"].to_pylist(), strict=True):
                copy.write_row(link)
    database.execute(_INDEXES)
    store.finalize()


def of_database(database: psycopg.Connection) -> Mapping[str, Step]:
    """The same look-ups, by prepared statements over a unix socket."""

    def ask(query: LiteralString, *values: object) -> object:
        return database.execute(query, values, prepare=True).fetchall()

    return {
        "id": lambda id: ask("SELECT * FROM memory WHERE id = %s", id),
        "neighbours": lambda id: ask(_NEIGHBOURS, id, id),
        "filter": lambda id: ask(_FILTER, int(id.partition("_")[2]) // 2, LIMIT),
    }


def of_reader(reader: Reader | MemoryReader) -> Mapping[str, Step]:
    """The look-ups, by whatever reads."""
    return {
        "id": lambda id: reader.get(SPACE, id),
        "neighbours": lambda id: reader.neighbours(SPACE, id),
        "filter": lambda id: reader.page(SPACE, int(id.partition("_")[2]) // 2, LIMIT),
    }


def bare(connection: socket.socket) -> Mapping[str, Step]:
    """The same requests over a bare socket: what the server and the wire alone take."""

    def ask(path: str, **asked: str | int) -> bytes:
        query = urlencode({"space": SPACE, **asked})
        connection.sendall(f"GET {path}?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while _END not in answer:
            answer += connection.recv(1 << 20)
        head, _, body = answer.partition(_END)
        size = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        while len(body) < size:
            body += connection.recv(1 << 20)
        return body

    return {
        "id": lambda id: ask("/api/v1/engram/memory", id=id),
        "neighbours": lambda id: ask("/api/v1/engram/memory/neighbours", id=id),
        "filter": lambda id: ask("/api/v1/memories", offset=int(id.partition("_")[2]) // 2, limit=LIMIT),
    }


def measure(ways: Mapping[str, Mapping[str, Step]], records: int, server: psutil.Process) -> None:
    """Prints medians in µs, ratios of medians and of 95th percentiles; the ways take turns in each round."""
    seed = np.random.default_rng(9)
    print(f"{records:,} memories; medians in µs, {ROUNDS} rounds of {LOOKUPS}")
    beside = ["in process", "database"]
    compared = [(way, other) for way in ("bare", "client") for other in beside]
    ratios = [f"{way} ÷ {other}" for way, other in compared]
    titles = [*ways, *ratios, "client ÷ database p95", "server CPU"]
    print(f"  {'':12}{''.join(f'{title:>22}' for title in titles)}")
    for name in ways["bare"]:
        times: dict[str, list[float]] = {way: [] for way in ways}
        spent = 0.0
        for _ in range(ROUNDS):
            ids = [f"users_{row}" for row in seed.integers(0, records, LOOKUPS)]
            for way, steps in ways.items():
                before = _cpu(server)
                times[way] += _timed(steps[name], ids)
                spent += _cpu(server) - before
        took = {way: float(np.median(taken)) * 1e6 for way, taken in times.items()}
        slowest = {way: float(np.percentile(taken, 95)) for way, taken in times.items()}
        cells = [*took.values(), *(took[way] / took[other] for way, other in compared)]
        cells += [slowest["client"] / slowest["database"], spent / (2 * ROUNDS * LOOKUPS) * 1e6]
        print(f"  {name:12}{''.join(f'{cell:22.1f}' for cell in cells)}")


def _timed(step: Step, ids: list[str]) -> list[float]:
    times = []
    for id in ids:
        start = time.perf_counter()
        step(id)
        times.append(time.perf_counter() - start)
    return times


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def run(folder: Path, records: int) -> None:
    """Starts the servers, and measures."""
    store, port = Store.open(folder / "store", create=True), free_port()
    with running(folder / "postgres") as dsn, psycopg.connect(dsn, autocommit=True) as database:
        make(store, database, records)
        command = [sys.executable, "-m", "pipelines", "serve", str(store.path), "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with (
                store.reader() as reader,
                open_home(f"http://127.0.0.1:{port}").reader() as remote,
                socket.create_connection(("127.0.0.1", port)) as connection,
            ):
                ways = {
                    "in process": of_reader(reader),
                    "database": of_database(database),
                    "bare": bare(connection),
                    "client": of_reader(remote),
                }
                measure(ways, records, psutil.Process(process.pid))
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="engram-benchmark-"))
    try:
        run(folder, options.records)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
