"""A look at all that is staged before anything is sent: names, numbers, and vectors that are too near."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engram_store.model import DIMENSION
from engram_store.reader import Reader
from engram_store.run import Run
from io_connectors.engram.public.absorption import SIMILAR, absorbed_by, nearest_other
from io_connectors.engram.public.disambiguate import moved
from io_connectors.engram.public.envelope import continuation
from io_connectors.engram.public.ledger import IDENTICAL, SENT, STORED, DeliveryLedger, Entry
from io_connectors.engram.public.names import check_continuations, check_id, check_space
from io_connectors.engram.public.staged import Parcel, StagedMemory, parcel, staged_pages

Vectors = npt.NDArray[np.float32]

#: What the server's cosines may differ from ours.
_MARGIN = 1e-3
_DELIVERED = (SENT, STORED, IDENTICAL)


@dataclass
class SpaceSurvey:
    """What is staged of one space.

    Attributes:
        vectors: (n, 768), of length 1 or zero, in the order in which they came or come to the server.
        rows: Id → row.
        confidence: In the order of the rows.
        continuations: Ids under which long memories go on → the memory's own.
        memories: How many the server will hold of it, continuations counted.
        new: How many of these were never sent.
    """

    vectors: Vectors
    rows: dict[str, int] = field(default_factory=dict)
    confidence: list[float] = field(default_factory=list)
    continuations: dict[str, str] = field(default_factory=dict)
    memories: int = 0
    new: int = 0

    def add(self, staged: StagedMemory, vector: Vectors) -> None:
        """Adds a memory with the vector that is sent of it."""
        length = np.linalg.norm(vector)
        row = len(self.rows)
        self.vectors[row] = vector / length if length else vector
        self.rows[staged.memory.id] = row
        self.confidence.append(staged.memory.confidence)

    @property
    def filled(self) -> Vectors:
        """The vectors that were added."""
        return self.vectors[: len(self.rows)]


class Survey:
    """What is staged, and what the server would do with it.

    Only what is staged is compared: of memories that others wrote to the same spaces, the server
    gives no vectors but in pages without an order.

    Args:
        reader: A reader of the staging store.
        ledgers: The ledgers of its runs, oldest first.
        spaces: What is staged, by space.
        move: Whether vectors that are too near to another are moved.

    Attributes:
        absorbed: (space, id) → the id of the memory that is foreseen to take its place.
    """

    def __init__(
        self,
        reader: Reader,
        ledgers: Mapping[Run, DeliveryLedger],
        spaces: dict[str, SpaceSurvey],
        *,
        move: bool,
    ) -> None:
        self.ledgers = ledgers
        self.spaces = spaces
        self.absorbed: dict[tuple[str, str], str] = {}
        self._takers: dict[str, set[str]] = {name: set() for name in spaces}
        self._reader = reader
        self._moved: set[tuple[str, str]] = set()
        # What the server has comes first: it stays as it was sent, and what is new gives way.
        for delivered in (True, False):
            self._add(delivered)
        for name, space in spaces.items():
            check_continuations(name, space.continuations.keys(), space.rows.keys())
            self._foresee(name, space, move=move)

    @classmethod
    @contextmanager
    def of(
        cls, reader: Reader, ledgers: Mapping[Run, DeliveryLedger], folder: Path, *, move: bool
    ) -> Iterator[Survey]:
        """Surveys a staging store; its vectors are laid out in files that go at the end of the block.

        Raises:
            PreflightError: A name is impossible.
        """
        with ExitStack() as files:
            spaces = {}
            for name, count in reader.spaces().items():
                check_space(name)
                file = files.enter_context(tempfile.TemporaryFile(dir=folder))
                shape = (count, DIMENSION)
                spaces[name] = SpaceSurvey(np.memmap(file, np.float32, "w+", shape=shape))
            yield cls(reader, ledgers, spaces, move=move)

    def parcels(self, run: Run, size: int) -> Iterator[list[Parcel]]:
        """A run's memories as they are sent, some at a time, in order."""
        for page in staged_pages(run, self._reader):
            for start in range(0, len(page), size):
                yield [self._parcel(staged) for staged in page[start : start + size]]

    def vector(self, space: str, id: str) -> Vectors:
        """The vector that a staged memory is sent with, (768,)."""
        own = self._reader.embedding(space, id)
        assert own is not None
        return moved(own, space, id) if (space, id) in self._moved else own

    def may_be_absorbed(self, space: str, id: str) -> bool:
        """Whether a memory that is not there was absorbed: another, maybe sent later, is too near to it."""
        if (space, id) in self.absorbed or id in self._takers[space]:
            return True
        if not self._takers[space]:
            return False
        found = self.spaces[space]
        return nearest_other(found.filled, found.rows[id]) >= SIMILAR - _MARGIN

    @property
    def moved(self) -> int:
        """How many vectors are moved."""
        return len(self._moved)

    def new(self) -> dict[str, int]:
        """Memories to send, by space; continuations counted."""
        return {name: space.new for name, space in self.spaces.items()}

    def _add(self, delivered: bool) -> None:
        for run, ledger in self.ledgers.items():
            for page in staged_pages(run, self._reader):
                for staged in page:
                    entry = ledger.entry(*staged.key)
                    if _is_delivered(entry) == delivered:
                        self._add_one(staged, entry)

    def _add_one(self, staged: StagedMemory, entry: Entry | None) -> None:
        check_id(*staged.key)
        if entry is not None and entry.moved:
            self._moved.add(staged.key)
        sent = self._parcel(staged)
        space = self.spaces[staged.memory.space]
        space.add(staged, sent.vector)
        space.continuations |= {
            continuation(sent.id, part): sent.id for part in range(2, len(sent.contents) + 1)
        }
        space.memories += len(sent.contents)
        space.new += 0 if entry is not None else len(sent.contents)

    def _parcel(self, staged: StagedMemory) -> Parcel:
        is_moved = staged.key in self._moved
        vector = moved(staged.vector, *staged.key) if is_moved else staged.vector
        return parcel(staged, self._reader, vector, moved=is_moved)

    def _foresee(self, name: str, space: SpaceSurvey, *, move: bool) -> None:
        confidence = np.array(space.confidence, dtype=np.float32)
        if move:
            by = absorbed_by(space.filled, np.zeros_like(confidence), SIMILAR - _MARGIN)
        else:
            by = absorbed_by(space.filled, confidence)
        ids: Sequence[str] = list(space.rows)
        for row in map(int, np.flatnonzero(by >= 0)):
            if move:
                self._moved.add((name, ids[row]))
                space.vectors[row] = moved(space.vectors[row], name, ids[row])
            else:
                self.absorbed[name, ids[row]] = ids[by[row]]
                self._takers[name].add(ids[by[row]])


def _is_delivered(entry: Entry | None) -> bool:
    return entry is not None and entry.outcome in _DELIVERED
