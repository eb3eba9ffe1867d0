"""LookAtParts: what is served, looked at by all workers.

    pipeline | LookAtParts(store, run, spans, folder)

Each span of parts is looked at on its own; ``seen_in`` puts together what was found.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam

from engram_store.errors import marking
from engram_store.files import write_bytes
from engram_store.parts import Parts, Span
from engram_store.store import Store
from transforms.validation.served import Served, look_at
from transforms.validation.served_document import document_of, served_of


class LookAtParts(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[None]]):
    """Spans of what is served → a file each, with what was seen.

    Args:
        store: The store's folder; every worker must see it.
        run: The run whose vectors are measured.
        spans: What is to be looked at.
        folder: Where the files go; every worker must see it.
    """

    def __init__(self, store: Path, run: str, spans: Sequence[Span], folder: Path) -> None:
        super().__init__()
        self._look = _Look(store, run, folder)
        self._spans = spans

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[None]:
        """Spreads the spans over the workers."""
        seen: beam.PCollection[None] = (
            pbegin
            | "Spans" >> beam.Create(list(enumerate(self._spans)), reshuffle=False)
            | "Spread spans" >> beam.Reshuffle()
            | "Look" >> beam.ParDo(self._look)
        )
        return seen


def keep_seen(folder: Path, number: int, seen: Served) -> None:
    """Keeps what was seen of a span."""
    # Not orjson: sums of hashes have 128 bits and more, and what is damaged may be infinite.
    write_bytes(_file(folder, number), json.dumps(document_of(seen)).encode())


def seen_in(folder: Path, spans: int, parts: Parts, run: str) -> Served:
    """What was seen of all spans, in their order, and what is astray: as if one process had looked.

    Args:
        folder: Where it was kept.
        spans: How many spans there are.
        parts: What was looked at.
        run: As ``look`` has it.
    """
    found = Served()
    for number in range(spans):
        found.add(served_of(json.loads(_file(folder, number).read_text())))
    found.see_memories(parts.astray(sum(tally.count for tally in found.memories.values())), run)
    return found


class _Look(beam.DoFn):
    def __init__(self, store: Path, run: str, folder: Path) -> None:
        self._store = store
        self._run = run
        self._folder = folder

    def process(self, element: tuple[int, Span]) -> None:
        number, span = element
        with marking(), Store.open(self._store).reader() as reader:
            keep_seen(self._folder, number, look_at(reader.parts(), span, self._run))


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number}.json"
