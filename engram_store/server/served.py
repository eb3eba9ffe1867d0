"""A store as one server process serves it: the newest generation, and what came since."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from engram_store.errors import ConfigurationError, MigrationError
from engram_store.finalize import FinalizeResult
from engram_store.model import Memory
from engram_store.reader import Reader
from engram_store.recall import Vectors, nearest, unit
from engram_store.server.holder import Holder
from engram_store.server.remembered import FOLD_AT, RUN, Arrival, Remembered
from engram_store.serving import current
from engram_store.store import Store

_log = logging.getLogger(__name__)


class Embedder(Protocol):
    """Makes vectors of texts; the server itself knows no model."""

    @property
    def default_model(self) -> str:
        """The model that is used where the store names none."""

    def __call__(self, model: str, text: str) -> Vectors:
        """The vector of a text, (768,), by the model that a run names.

        Raises:
            MigrationError: There is no such model here.
        """


class Served:
    """A locked store with its readers; for any thread.

    Args:
        store: The store, locked by this process.
        embedder: Makes vectors of texts.
    """

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self.store = store
        self.holder = Holder()
        self._embedder = embedder
        self._changing = threading.RLock()
        self._readers = threading.local()
        self._generation = current(store.path) or store.finalize().generation
        self.remembered = Remembered(store, self.model)

    @property
    def reader(self) -> Reader:
        """The calling thread's reader of the newest generation."""
        reader: Reader | None = getattr(self._readers, "reader", None)
        if reader is None or reader.generation != self._generation:
            self.close()
            reader = self._readers.reader = self.store.reader()
        return reader

    def close(self) -> None:
        """Lets go of the calling thread's reader."""
        reader: Reader | None = self._readers.__dict__.pop("reader", None)
        if reader is not None:
            reader.close()

    def change(self, work: Callable[[], Any]) -> Any:
        """Does what only one may do at a time."""
        with self._changing:
            return work()

    def finalize(self) -> FinalizeResult:
        """Makes of all committed pages, and of the memories that came one by one, what readers see."""
        with self._changing:
            folding = self.remembered.commit()
            result = self.store.finalize()
            self._generation = result.generation
            self.remembered.folded(folding)
            return result

    def undo(self, run_id: str) -> FinalizeResult:
        """Takes back a run."""
        with self._changing:
            result = self.store.undo(run_id)
            self._generation = result.generation
            if run_id == RUN:
                self.remembered = Remembered(self.store, self.model)
            return result

    def remember(self, arrival: Arrival) -> Memory:
        """Keeps one memory."""
        memory = self.remembered.add(arrival)
        if len(self.remembered) % FOLD_AT == 0:
            threading.Thread(target=self._fold, name="fold").start()
        return memory

    def _fold(self) -> None:
        try:
            self.finalize()
        except MigrationError as error:
            _log.error("the memories that came one by one wait on: %s", error)

    def model(self) -> str:
        """The model of the store's memories.

        Raises:
            ConfigurationError: Its runs were embedded by several.
        """
        models = {self.store.run(name).model for name in self.store.runs()} - {""}
        if len(models) > 1:
            raise ConfigurationError(
                "The store's runs were embedded by different models.",
                why=f"Vectors of {', '.join(f'`{model}`' for model in sorted(models))} cannot be compared.",
                suggestion="Undo all runs but those of one model.",
            )
        return models.pop() if models else self._embedder.default_model

    def embed(self, text: str) -> Vectors:
        """The vector of a text, by the model of the store's memories."""
        return self._embedder(self.model(), text)

    def get(self, space: str, id: str, at: datetime | None = None) -> Memory | None:
        """A memory, or None."""
        waiting = self.remembered.get(space, id) if self.remembered else None
        return waiting or self.reader.get(space, id, at)

    def vector(self, space: str, id: str) -> Vectors | None:
        """A memory's vector, or None."""
        waiting = self.remembered.vector(space, id)
        return self.reader.embedding(space, id) if waiting is None else waiting

    def recall(
        self, vector: Any, space: str | None, k: int, at: datetime | None
    ) -> list[tuple[Memory, float]]:
        """The memories nearest to a vector, best first."""
        waiting, reader = self.remembered.of(space), self.reader
        replaced = {(memory.space, memory.id) for memory, _ in waiting if reader.get(memory.space, memory.id)}
        found = reader.recall(vector, space, k + len(replaced), at)
        if not waiting:
            return found
        found = [hit for hit in found if (hit[0].space, hit[0].id) not in replaced]
        return sorted(found + _nearest(waiting, vector, k), key=lambda hit: -hit[1])[:k]


def _nearest(waiting: list[tuple[Memory, Vectors]], vector: Any, k: int) -> list[tuple[Memory, float]]:
    block = (np.arange(len(waiting)), np.array([vector for _, vector in waiting], dtype=np.float32))
    return [(waiting[number][0], score) for number, score in nearest([block], unit(vector), k)]
