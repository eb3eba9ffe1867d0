"""One look at all that readers are given: counted, digested and its vectors measured, page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.parts import Part, Parts, Span
from io_connectors.engram.home import ServedParts
from transforms.validation.vectors import VectorTally

_MOST_NAMES = 50

#: A run and one of its pages.
PageKey = tuple[str, str]


@dataclass(slots=True)
class Tally:
    """What is served of one page.

    Attributes:
        parts: The numbers of the parts that hold it.
        count: Records.
        total: The sum of their hashes.
        spaces: Records by space, or edges by origin.
    """

    parts: list[int] = field(default_factory=list)
    count: int = 0
    total: int = 0
    spaces: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        """The digest over all of it."""
        return combined((self.total,))

    def add(self, other: Tally) -> None:
        """Adds what was seen of the same page in further parts."""
        self.parts += other.parts
        self.count += other.count
        self.total += other.total
        self.spaces.update(other.spaces)


@dataclass(slots=True)
class Served:
    """All that is served.

    Attributes:
        memories: By run and page; what no page holds is under an empty name.
        edges: As ``memories``.
        vectors: The vectors of the run that is looked at.
        runs: The model and the start of each run, by the index.
        dangling: Up to fifty edges that lead to or from nothing.
    """

    memories: dict[PageKey, Tally] = field(default_factory=dict)
    edges: dict[PageKey, Tally] = field(default_factory=dict)
    vectors: VectorTally = field(default_factory=VectorTally)
    runs: dict[str, tuple[str, float]] = field(default_factory=dict)
    dangling: list[str] = field(default_factory=list)

    def see_memories(self, parts: Iterable[Part], run: str) -> None:
        """Looks at parts of memories, and measures the vectors of one run."""
        for part in parts:
            self.runs[part.run] = part.model, part.started_at
            _add(self.memories, (part.run, part.page), _tally(part, memory_hashes(part.rows), "space"))
            if part.run == run:
                self.vectors.look(part.page, part.rows)

    def see_edges(self, parts: Iterable[Part]) -> None:
        """Looks at parts of edges."""
        for part in parts:
            self.runs[part.run] = part.model, part.started_at
            _add(self.edges, (part.run, part.page), _tally(part, edge_hashes(part.rows), "origin"))
            if part.rows["source"].null_count or part.rows["target"].null_count:
                self._name(_dangling(part.rows))

    def add(self, other: Served) -> None:
        """Adds what was seen in further parts."""
        for key, tally in other.memories.items():
            _add(self.memories, key, tally)
        for key, tally in other.edges.items():
            _add(self.edges, key, tally)
        self.vectors.add(other.vectors)
        self.runs.update(other.runs)
        self._name(other.dangling)

    def memory(self, run: str, page: str) -> Tally:
        """What is served of a page's memories."""
        return self.memories.get((run, page)) or Tally()

    def edge(self, run: str, page: str) -> Tally:
        """What is served of a page's edges."""
        return self.edges.get((run, page)) or Tally()

    def spaces(self, run: str | None = None) -> Counter[str]:
        """Memories by space, of one run or of all."""
        return sum((t.spaces for (r, _), t in self.memories.items() if run in (None, r)), Counter())

    def origins(self) -> Counter[str]:
        """Edges by origin."""
        return sum((tally.spaces for tally in self.edges.values()), Counter())

    def _name(self, dangling: Sequence[str]) -> None:
        self.dangling += dangling[: _MOST_NAMES - len(self.dangling)]


def look(parts: ServedParts, run: str) -> Served:
    """Goes over all that is served, once, in bounded memory.

    Args:
        parts: What is served.
        run: The run whose vectors are measured.

    Raises:
        IntegrityError: The index cannot be read.
    """
    found = Served()
    found.see_memories(parts.memories(), run)
    found.see_edges(parts.edges())
    return found


def look_at(parts: Parts, span: Span, run: str) -> Served:
    """As ``look``, at a span of what is served."""
    found = Served()
    if span.kind == "memories":
        found.see_memories(parts.memories(span.start, span.stop), run)
    else:
        found.see_edges(parts.edges(span.start, span.stop))
    return found


def _dangling(edges: pa.RecordBatch) -> list[str]:
    columns = (edges[name].to_pylist() for name in ("origin", "id", "source", "target"))
    return [
        f"{origin}/{id}: {source or 'nothing'} → {target or 'nothing'}"
        for origin, id, source, target in zip(*columns, strict=True)
        if source is None or target is None
    ]


def _tally(part: Part, hashes: list[int], group: str) -> Tally:
    spaces = Counter(part.rows[group].to_pylist())
    return Tally([part.number], part.rows.num_rows, sum(hashes), spaces)


def _add(tallies: dict[PageKey, Tally], key: PageKey, tally: Tally) -> None:
    tallies.setdefault(key, Tally()).add(tally)
