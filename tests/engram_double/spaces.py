"""What the public Engram server does with memories, as it was seen to: absorption, equal ids, eviction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


@dataclass
class Quirks:
    """What the double does as the server does; each can be switched off, or set.

    Attributes:
        absorbs: A vector with a cosine of 0.95 or more to another's is taken for a duplicate.
        most: Memories a space holds; beyond, the one of lowest activation goes.
        loses: Ids of which every write is answered well and lost.
        loses_once: Ids of which the next write is answered well and lost.
        ignores_change: An id that comes again with another vector stays as it was.
        space_seconds: How long making a space takes.
        seconds: How long a write takes.
        key: What requests must show, or None.
        unlisted: Ids that the listing never gives.
        reorders: The listing comes in another order with each page, so that pages overlap and miss some.
    """

    absorbs: bool = True
    most: int = 100_000
    loses: set[str] = field(default_factory=set)
    loses_once: set[str] = field(default_factory=set)
    ignores_change: bool = False
    space_seconds: float = 0.0
    seconds: float = 0.0
    key: str | None = None
    unlisted: set[str] = field(default_factory=set)
    reorders: bool = False


class Remembered(NamedTuple):
    """A memory as it is kept."""

    content: str
    vector: Vector
    confidence: float
    timestamp: str
    activation: float


class Space:
    """One space."""

    def __init__(self) -> None:
        self.memories: dict[str, Remembered] = {}
        self.opened_at = datetime.now(timezone.utc).isoformat()
        self._listings = 0

    def listed(self, quirks: Quirks) -> list[tuple[str, Remembered]]:
        """All memories in the order of a hash table, which new ones do not come last in."""
        self._listings += quirks.reorders
        salt = str(self._listings).encode()
        ids = sorted(self.memories, key=lambda id: blake2b(id.encode(), salt=salt).digest())
        return [(id, self.memories[id]) for id in ids if id not in quirks.unlisted]

    def store(self, id: str, memory: Remembered, quirks: Quirks) -> None:
        """Keeps a memory, or does not; nothing tells."""
        if id in quirks.loses or id in quirks.loses_once:
            quirks.loses_once.discard(id)
            return
        if len(self.memories) >= quirks.most:
            del self.memories[min(self.memories, key=lambda held: self.memories[held].activation)]
        if id in self.memories:
            same = _cosine(self.memories[id].vector, memory.vector) > 0.999
            if same or quirks.ignores_change:
                return
        near = self._nearest(id, memory.vector) if quirks.absorbs else None
        if near is not None and memory.confidence <= self.memories[near].confidence:
            return
        if near is not None:
            del self.memories[near]
        self.memories[id] = memory

    def _nearest(self, id: str, vector: Vector) -> str | None:
        others = [held for held in self.memories if held != id]
        cosines = [_cosine(self.memories[held].vector, vector) for held in others]
        best = int(np.argmax(cosines)) if others else 0
        return others[best] if others and cosines[best] >= 0.95 else None


def _cosine(a: Vector, b: Vector) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0
