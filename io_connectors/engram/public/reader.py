"""What a public server has of what was delivered; what it cannot answer is told from the staging store."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from engram_store.activation import activation_at
from engram_store.model import Memory
from engram_store.moments import seconds
from engram_store.reader import Reader
from io_connectors.engram.public.client import PublicServer
from io_connectors.engram.public.envelope import continuation, parts_of, unfold


class PublicReader(Reader):
    """A look at a public server; for one thread.

    From the server come the sizes of spaces and single memories. Edges, neighbours, recall, vectors,
    scans and what belongs to a run come from the staging store: the server has no edges, finds memories
    of low activation hardly ever, and knows no runs. Spaces and ids that are not staged are never asked
    for, since a question makes a space.

    Args:
        staging: The folder of the staging store.
        server: The server.
    """

    def __init__(self, staging: Path, server: PublicServer) -> None:
        super().__init__(staging)
        self._server = server
        self._opened: set[str] = set()

    def close(self) -> None:
        """Lets go of the index and of the connections."""
        super().close()
        self._server.close()

    def spaces(self) -> dict[str, int]:
        """How many memories the server counts in each space of the runs, continuations and strangers too."""
        return {space: self.count(space) for space in self.staged()}

    def staged(self) -> dict[str, int]:
        """How many memories each space was delivered."""
        return super().spaces()

    def count(self, space: str) -> int:
        """How many memories the server counts in a space; 0 if nothing was delivered to it."""
        if space not in self.staged():
            return 0
        self._open(space)
        return self._server.count(space)

    def get(self, space: str, id: str, at: datetime | None = None) -> Memory | None:
        """A memory as the server has it, its envelope opened; None if it was not delivered or is not there.

        Raises:
            IntegrityError: Its envelope does not open.
        """
        known = super().get(space, id, at)
        if known is None:
            return None
        first = self._server.memory(space, id)
        if first is None:
            return None
        confidence = float(np.float32(first.confidence))
        parts = parts_of(first.content)
        if parts is None:
            return known._replace(content=first.content, confidence=confidence)
        others = [self._server.memory(space, continuation(id, part)) for part in range(2, parts + 1)]
        contents = [first.content, *(other.content for other in others if other is not None)]
        opened = unfold(space, id, confidence, contents)
        memory = opened.memory
        activation = activation_at(memory.activation, memory.decay_rate, opened.as_of, seconds(at))
        return memory._replace(activation=activation, page=known.page)

    def _open(self, space: str) -> None:
        """After its start the server counts only spaces that were asked for by name."""
        if space not in self._opened:
            self._server.make_space(space)
            self._opened.add(space)
