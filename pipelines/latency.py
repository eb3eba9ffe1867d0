"""The check of speed: the same look-ups in the source and in the target, one after the other.

By id, neighbours, and a filter: the first hundred records of a table, and of its space. Source
and target take turns record by record, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from io_connectors.engram.home import MemoryReader
from io_connectors.lookups import MOST_RELATED, SourceLookups
from pipelines.report import Check
from pipelines.traced import Place

#: How many times the source's median the target's may be.
MOST = 2.0
#: The check's name.
NAME = "look-ups take at most twice the source's time"
_FIRST = 100

Ask = Callable[[Place], "int | None"]


@dataclass(slots=True)
class _Timed:
    """One kind of look-up: how it is made in both, and the seconds that each took."""

    name: str
    in_source: Ask
    in_target: Ask
    source: list[float] = field(default_factory=list)
    target: list[float] = field(default_factory=list)

    def measure(self, place: Place, *, target_first: bool) -> None:
        """Makes both look-ups, or none if the source cannot be asked."""
        took: dict[bool, float] = {}
        for in_target in (target_first, not target_first):
            begun = time.perf_counter()
            found = (self.in_target if in_target else self.in_source)(place)
            took[in_target] = time.perf_counter() - begun
            if found is None:
                return
        self.target.append(took[True])
        self.source.append(took[False])

    @property
    def ratio(self) -> float:
        """The target's median by the source's."""
        return statistics.median(self.target) / statistics.median(self.source)

    def line(self) -> str:
        """The medians in milliseconds, and how they compare."""
        target, source = (1e3 * statistics.median(times) for times in (self.target, self.source))
        return f"{self.name} {target:.2f} ms, source {source:.2f} ms ({self.ratio:.1f}×)"


def latency_check(
    lookups: SourceLookups | None, reader: MemoryReader, places: Sequence[Place], most: float = MOST
) -> Check:
    """Compares the medians of look-ups.

    Args:
        lookups: The source, or None where nothing answers single questions, as in a dump file.
        reader: What readers of the target see.
        places: Records that are in both; some dozens tell enough.
        most: How many times the source's median the target's may be.

    Returns:
        The check; it has passed if there was nothing to compare.

    Raises:
        MigrationError: The source or the target could not be asked.
    """
    if lookups is None or not places:
        why = "the source answers no single questions" if lookups is None else "there is no record"
        return Check(NAME, True, f"not compared: {why}")
    # The first pass fills the caches of both; the second counts.
    for _ in range(2):
        kinds = _kinds(lookups, reader)
        for number, place in enumerate(places):
            for kind in kinds:
                kind.measure(place, target_first=bool(number % 2))
    seen = [kind for kind in kinds if kind.source]
    slow = tuple(kind.line() for kind in seen if kind.ratio > most)
    shown = "; ".join(kind.line() for kind in seen) or "no record could be asked for by its key"
    return Check(NAME, not slow, shown, slow)


def _kinds(lookups: SourceLookups, reader: MemoryReader) -> list[_Timed]:
    return [
        _Timed(
            "by id",
            lambda place: lookups.by_key(place.kind, place.key),
            lambda place: int(reader.get(place.space, place.id) is not None),
        ),
        _Timed(
            "neighbours",
            lambda place: lookups.related(place.kind, place.key),
            lambda place: len(reader.neighbours(place.space, place.id, 1, MOST_RELATED)),
        ),
        _Timed(
            "filter",
            lambda place: lookups.first(place.kind, _FIRST),
            lambda place: len(reader.page(place.space, 0, _FIRST)),
        ),
    ]
