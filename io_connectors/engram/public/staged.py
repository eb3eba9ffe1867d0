"""What is to be delivered: the memories of a staging store as the server is sent them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from engram_store.model import DIMENSION, Memory, Source
from engram_store.moments import rfc3339
from engram_store.reader import Reader
from engram_store.run import Run
from io_connectors.engram.public.envelope import fold

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StagedMemory:
    """A memory of a staging store.

    Attributes:
        memory: The memory, with the activation of ``as_of``.
        as_of: When its run started, Unix seconds.
        vector: (768,).
    """

    memory: Memory
    as_of: float
    vector: Vector

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others: space and id."""
        return self.memory.space, self.memory.id


@dataclass(frozen=True, slots=True)
class Parcel:
    """A memory as the server is sent it.

    Attributes:
        contents: Its own content and those of its continuations.
        vector: (768,); the continuations' are zero.
        digest: Of all that follows from the staging store.
    """

    space: str
    id: str
    contents: tuple[str, ...]
    vector: Vector
    confidence: float
    timestamp: str | None
    moved: bool
    digest: bytes


def staged_pages(run: Run, reader: Reader) -> Iterator[list[StagedMemory]]:
    """A run's memories, page by page; those that a newer run replaced are left out."""
    as_of, model = run.started_at, run.model
    for page_id in sorted(run.committed_page_ids()):
        batch = run.memories(page_id)
        dtype = batch.schema.field("embedding").metadata[b"dtype"].decode()
        raw = b"".join(batch.column("embedding").to_pylist())
        vectors = np.frombuffer(raw, dtype=np.dtype(dtype).newbyteorder("<")).reshape(-1, DIMENSION)
        times = batch.column("created_at").cast("int64").to_pylist()
        columns = [batch.column(name).to_pylist() for name in _COLUMNS]
        page = []
        for row, (id, space, content, confidence, activation, decay, source) in enumerate(
            zip(*columns, strict=True)
        ):
            served = reader.get(space, id)
            if served is None or served.run != run.id:
                continue
            memory = Memory(
                id, space, content, confidence, activation, decay, rfc3339(times[row]),
                Source(**source), model, run.id, page_id,
            )  # fmt: skip
            page.append(StagedMemory(memory, as_of, vectors[row].astype(np.float32)))
        yield page


_COLUMNS = ("id", "space", "content", "confidence", "activation", "decay_rate", "source")


def parcel(staged: StagedMemory, reader: Reader, vector: Vector, *, moved: bool) -> Parcel:
    """A memory as the server is sent it.

    Args:
        staged: The memory.
        reader: A reader of the staging store, for the edges.
        vector: The vector to send.
        moved: Whether this is another one than the memory's own.
    """
    memory = staged.memory
    contents = tuple(fold(memory, staged.as_of, reader.edges(*staged.key), moved=moved))
    digest = blake2b("\0".join(contents).encode(), digest_size=16)
    digest.update(staged.vector.tobytes() + np.float32(memory.confidence).tobytes())
    return Parcel(
        space=memory.space,
        id=memory.id,
        contents=contents,
        vector=vector,
        confidence=memory.confidence,
        timestamp=memory.created_at,
        moved=moved,
        digest=digest.digest(),
    )
