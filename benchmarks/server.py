"""What a look-up costs over HTTP, beside the same look-up in the process itself.

Example:
    python -m benchmarks.server --records 100000
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psutil

from benchmarks.store import pages_of, receipt
from engram_store.reader import Reader
from engram_store.store import Store
from io_connectors.engram.address import open_home
from io_connectors.engram.home import MemoryReader
from tests.servers.ports import free_port

ROUNDS = 5
LOOKUPS = 400
SPACE = "users"
LIMIT = 20

Step = Callable[[str], object]


def make_store(folder: Path, records: int) -> Store:
    store = Store.open(folder, create=True)
    run = store.create_run("benchmark", {"model": "local/lexical-1"})
    for page_id, memories, edges in pages_of(records):
        run.write_page(memories, edges, receipt(page_id, memories, edges))
    store.finalize()
    return store


def of_reader(reader: Reader | MemoryReader) -> Mapping[str, Step]:
    """The look-ups, by whatever reads."""
    return {
        "id": lambda id: reader.get(SPACE, id),
        "neighbours": lambda id: reader.neighbours(SPACE, id),
        "filter": lambda id: reader.page(SPACE, int(id.partition("_")[2]) // 2, LIMIT),
    }


def bare(connection: http.client.HTTPConnection) -> Mapping[str, Step]:
    """The same requests by the smallest client there is: what the server and the wire alone take."""

    def ask(path: str, **asked: str | int) -> bytes:
        connection.request("GET", f"{path}?{urlencode({'space': SPACE, **asked})}")
        return connection.getresponse().read()

    return {
        "id": lambda id: ask("/api/v1/engram/memory", id=id),
        "neighbours": lambda id: ask("/api/v1/engram/memory/neighbours", id=id),
        "filter": lambda id: ask("/api/v1/memories", offset=int(id.partition("_")[2]) // 2, limit=LIMIT),
    }


def measure(store: Store, port: int, server: psutil.Process) -> None:
    """Prints medians in µs and their ratios; the ways are asked in turn, so that noise meets all alike."""
    seed = np.random.default_rng(9)
    records = store.reader().count(SPACE)
    with (
        store.reader() as reader,
        open_home(f"http://127.0.0.1:{port}").reader() as remote,
        closing(http.client.HTTPConnection("127.0.0.1", port)) as connection,
    ):
        ways = {"in process": of_reader(reader), "bare": bare(connection), "client": of_reader(remote)}
        print(f"{records:,} memories; medians in µs, {ROUNDS} rounds of {LOOKUPS}")
        titles = [*ways, "bare ÷", "client ÷", "server CPU"]
        print(f"  {'':12}{''.join(f'{title:>12}' for title in titles)}")
        for name in ways["bare"]:
            times: dict[str, list[float]] = {way: [] for way in ways}
            spent = 0.0
            for _ in range(ROUNDS):
                ids = [f"users_{row}" for row in seed.integers(0, records, LOOKUPS)]
                for way, steps in ways.items():
                    before = _cpu(server)
                    times[way] += _timed(steps[name], ids)
                    spent += _cpu(server) - before if way != "in process" else 0.0
            medians = {way: float(np.median(taken)) * 1e6 for way, taken in times.items()}
            own = medians["in process"]
            ratios = [medians["bare"] / own, medians["client"] / own]
            cpu = spent / (2 * ROUNDS * LOOKUPS) * 1e6
            cells = [*(f"{median:12.1f}" for median in medians.values()), *(f"{r:12.1f}" for r in ratios)]
            print(f"  {name:12}{''.join(cells)}{cpu:12.1f}")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="engram-benchmark-"))
    port = free_port()
    try:
        store = make_store(folder / "store", options.records)
        command = [sys.executable, "-m", "pipelines", "serve", str(store.path), "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(1)
            measure(store, port, psutil.Process(process.pid))
            process.terminate()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
