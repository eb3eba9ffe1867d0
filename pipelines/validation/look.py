"""The look at all that is served: by one process, or by as many as the pages had."""

from __future__ import annotations

from engram_store.parts import Parts
from engram_store.scratch import scratch_folder
from io_connectors.engram.home import MemoryReader
from pipelines.beam_run import run_pipeline
from pipelines.watch import Watch
from transforms.validation.look import LookAtParts, seen_in
from transforms.validation.served import Served, look

#: Memories and edges from which on starting workers takes less time than they save.
_MANY = 2_000_000
#: Spans of memories, and as many of edges: each worker has its share of them, long pages or not.
_SPANS = 64


def look_by(reader: MemoryReader, run: str, workers: int) -> Served:
    """Goes over all that is served, once, in bounded memory.

    Args:
        reader: What readers are given.
        run: The run whose vectors are measured.
        workers: Worker processes, at most.

    Raises:
        IntegrityError: The index cannot be read.
        Interrupted: A worker was lost.
    """
    parts = reader.parts()
    if workers < 2 or parts.here is None or parts.here.size() < _MANY:
        return look(parts, run)
    return _by_workers(parts.here, run, workers)


def _by_workers(parts: Parts, run: str, workers: int) -> Served:
    spans = parts.spans(_SPANS)
    with scratch_folder("engram-look-") as folder:
        looking = LookAtParts(parts.folder, run, spans, folder)
        # By workers of this machine, whatever runner the migration has: the store is on its disk.
        run_pipeline(lambda pipeline: pipeline | looking, workers, (), Watch())
        return seen_in(folder, len(spans), parts, run)
