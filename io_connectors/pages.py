"""The pages that travel through a migration: read, mapped, embedded, written.

A page (1,000 records by default) is planned once, keeps its name to the end, and is the unit
of reading, of retrying, of acknowledgement and of resume. Columns, not records: a page costs
the pipeline what one record would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was refused, as the source gave it, with the reason.

    Attributes:
        stage: ``read``, ``map``, ``embed`` or ``write``.
        page_id: The page in which it was found.
        kind: Table, label or type in the source.
        key: What names the record there (also enough to read it again).
        reason: Why it was refused.
        suggestion: What to do about it.
        record: The record as far as it could be read, as JSON text.
    """

    stage: str
    page_id: str
    kind: str
    key: str
    reason: str
    suggestion: str
    record: str


@dataclass(frozen=True, slots=True)
class SourcePage:
    """Rows as a reader delivers them; what a row's columns mean is between reader and mapper.

    Attributes:
        page_id: The page's name in the plan.
        relation: What was read (a table or partition, a label, a keyspace); the mapper knows by
            it what a row's columns mean.
        rows: One tuple a record.
        dead_letters: Records of this page that could not be read.
        gone: Records that were counted in the page and were no longer there to be read.
    """

    page_id: str
    relation: str
    rows: Sequence[tuple[object, ...]]
    dead_letters: tuple[DeadLetter, ...] = ()
    gone: int = 0

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(slots=True)
class MemoryPage:
    """The memories of a page, by column; all columns are equally long.

    Attributes:
        ids: Memory ids.
        spaces: Memory spaces.
        contents: JSON texts.
        texts: What to embed, or None for a record that has no text of its own.
        confidence: 0 to 1.
        activation: 0 to 1.
        decay_rate: Per hour.
        created_at: Microseconds since 1970 UTC, or None.
        system: The source system (``postgresql``, …).
        kinds: Table, label or type.
        keys: The key in the source.
        embeddings: (n, 768) float32 unit rows once embedded.
    """

    ids: list[str] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    activation: list[float] = field(default_factory=list)
    decay_rate: list[float] = field(default_factory=list)
    created_at: list[int | None] = field(default_factory=list)
    system: str = ""
    kinds: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    embeddings: Vectors | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(slots=True)
class EdgePage:
    """The edges of a page, by column; all columns are equally long.

    ``targets`` holds None where the source itself shows that the other end is missing.
    """

    ids: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    source_spaces: list[str] = field(default_factory=list)
    targets: list[str | None] = field(default_factory=list)
    target_spaces: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    created_at: list[int | None] = field(default_factory=list)
    properties: list[str | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class EmbeddingCounts:
    """What embedding a page came to.

    Attributes:
        texts: Texts asked for.
        distinct: Texts computed, after duplicates within the batch were shared.
        low_confidence: Records without text, embedded from their serialised form.
        zero_vectors: Records with nothing to embed.
        computed: Texts that a costly model computed; those found in its cache do not count.
        tokens: Tokens that its server counted in them.
    """

    texts: int = 0
    distinct: int = 0
    low_confidence: int = 0
    zero_vectors: int = 0
    computed: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class MappedPage:
    """Everything that one source page became; it is written, or not written, as a whole.

    Attributes:
        page_id: The page's name in the plan.
        memories: Its memories.
        edges: Its edges, whose other ends may be in any page.
        dead_letters: Records refused so far.
        omitted_times: Records whose time no RFC 3339 text can say, kept without ``created_at``.
        expired: Records left out because their time to live was over, or that were gone.
        derived: Memories beyond one a record.
        embedding: What embedding it came to.
    """

    page_id: str
    memories: MemoryPage
    edges: EdgePage
    dead_letters: tuple[DeadLetter, ...] = ()
    omitted_times: int = 0
    expired: int = 0
    derived: int = 0
    embedding: EmbeddingCounts = EmbeddingCounts()

    def __len__(self) -> int:
        return len(self.memories)

    def first(self, records: int) -> MappedPage:
        """The page's first memories alone, to try something with."""
        memories = replace(self.memories)
        for column in fields(memories):
            if isinstance(values := getattr(memories, column.name), list):
                setattr(memories, column.name, values[:records])
        return MappedPage(self.page_id, memories, EdgePage())

    def embedded(
        self,
        vectors: Vectors,
        confidence: list[float],
        counts: EmbeddingCounts,
    ) -> MappedPage:
        """This page with its vectors, and with the confidences that embedding lowered."""
        memories = replace(self.memories, embeddings=vectors, confidence=confidence)
        return replace(self, memories=memories, embedding=counts)
