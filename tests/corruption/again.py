"""Pages of a source that were read again, without a source: those of a store that nobody damaged."""

from __future__ import annotations

import pyarrow as pa

from engram_store.run import Run
from transforms.validation.samples import Picks


class Again:
    """The picked pages of a run, as if they had been read, mapped and embedded again."""

    def __init__(self, run: Run, picks: Picks) -> None:
        self._run = run
        self._picks = picks

    def page_ids(self) -> set[str]:
        return set(self._picks)

    def memories(self, page_id: str) -> pa.RecordBatch:
        return self._some(page_id, self._run.memories(page_id))

    def edges(self, page_id: str) -> pa.RecordBatch:
        return self._some(page_id, self._run.edges(page_id))

    def _some(self, page_id: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        count = self._picks[page_id]
        return batch if count is None else batch.slice(0, count)
