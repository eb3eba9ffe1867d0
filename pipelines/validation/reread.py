"""Reading some of the source again, by the transforms of a migration, into a store of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import apache_beam as beam

from engram_store.run import Run
from engram_store.scratch import scratch_folder
from engram_store.store import Store
from io_connectors.engram.targets import EmbeddedTargetSpec
from io_connectors.engram.write import WriteToEngram
from pipelines.beam_run import run_pipeline
from pipelines.embedding import batch_size_of, embedding_of
from pipelines.planned import PlannedSource
from pipelines.settings.model import Settings
from pipelines.watch import Watch
from transforms.embedding.embed import EmbedMemories
from transforms.validation.samples import PickRecords, Picks

_RUN = "again"


@contextmanager
def read_again(
    settings: Settings, source: PlannedSource, picks: Picks, seed: int, vector_type: str
) -> Iterator[Run]:
    """Reads pages again; what became of them is a run of a store that lasts as long as the block.

    Args:
        settings: The settings of the run.
        source: The planned source.
        picks: How many records of each page are wanted.
        seed: What chooses them.
        vector_type: How the run keeps its vectors.

    Raises:
        MigrationError: The source cannot be read.
    """
    with scratch_folder("engram-validate-") as folder:
        store = Store.open(folder / "store", create=True)
        run = store.create_run(_RUN, {})
        target = EmbeddedTargetSpec(str(store.path), _RUN, vector_type)
        embedding = embedding_of(settings)

        def build(pipeline: beam.Pipeline) -> None:
            _ = (
                pipeline
                | "Read and map" >> source.read(sorted(picks))
                | "Pick" >> PickRecords(picks, seed)
                | "Embed" >> EmbedMemories(embedding, batch_size_of(settings, embedding))
                | "Write" >> WriteToEngram(target)
            )

        if picks:
            # Here and in one process, whatever runner the migration has: it is little work.
            run_pipeline(build, 1, (), Watch())
        yield run


def new_seed() -> int:
    """A seed that nobody chose."""
    return time.time_ns() % 1_000_000
