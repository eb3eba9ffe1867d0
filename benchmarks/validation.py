"""What validating costs: hashes of records, the look at all that is served, the page files again.

Example:
    python -m benchmarks.validation --records 100000
"""

from __future__ import annotations

import resource
from functools import partial
from pathlib import Path

from benchmarks.store import Stopwatch, in_a_folder, pages_of, receipt
from engram_store.digests import edge_hashes, memory_hashes
from io_connectors.engram.embedded import EmbeddedHome
from transforms.validation.compare import Comparison
from transforms.validation.ledger import read_ledger, seal
from transforms.validation.served import Served, look


def measure(folder: Path, records: int) -> None:
    """Validates a store of ``records`` memories and twice as many edges, and prints what each step took."""
    store, watch = EmbeddedHome.open(folder / "store", create=True), Stopwatch()
    run = store.create_run("benchmark", {"model": "synthetic"})
    receipts = []
    for page_id, memories, edges in pages_of(records):
        watch.time("hashes of memories", partial(memory_hashes, memories))
        watch.time("hashes of two edges each", partial(edge_hashes, edges))
        receipts.append(run.write_page(memories, edges, receipt(page_id, memories, edges)))
    seal(run, receipts)
    store.finalize()
    ledger = read_ledger(run)
    found: list[Served] = []
    with store.reader() as reader:
        watch.time("look at all that is served", lambda: found.append(look(reader.parts(), run.id)))
        comparison = Comparison(store, run, reader, found[0], ledger)
        watch.time("compare the receipts", lambda: comparison.go(files=False))
        watch.time("compare the page files too", lambda: comparison.go(files=True))
        watch.time("the index as a file", lambda: reader.parts().faults())
    assert not comparison.found.wrong
    print(f"{records:,} memories, {2 * records:,} edges")
    for name in watch.cpu:
        cpu, wall = (times[name] / records * 1e6 for times in (watch.cpu, watch.wall))
        print(f"  {name:28} {cpu:8.2f} µs CPU a memory {wall:8.2f} µs wall")
    print(
        f"  peak memory                  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MB"
    )


if __name__ == "__main__":
    in_a_folder(measure, __doc__)
