"""The page plan: which ranges of internal ids are a page, cut once, saved, and counted again on resume."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from io_connectors.neo4j.census import Bucket, Census
from io_connectors.neo4j.rows import NODES, RELATIONSHIPS

#: Bytes of values that a page is meant to hold.
PAGE_BYTES = 16 * 1024 * 1024

#: Ids of one page at most, in widths of a bucket: absent ids cost half a microsecond each.
_WIDEST = 20

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PagePlan:
    """One page.

    Attributes:
        kind: ``nodes`` or ``relationships``.
        start: Its first internal id.
        stop: The first internal id behind it.
        rows: Records counted.
        fingerprint: As ``Bucket.fingerprint``.
    """

    kind: str
    start: int
    stop: int
    rows: int
    fingerprint: int

    def page_id(self, reading: int) -> str:
        """A name that changes with the records that are counted in the page, and with each reading."""
        made_of = (self.kind, self.start, self.stop, self.rows, self.fingerprint, reading)
        digest = hashlib.blake2b(repr(made_of).encode(), digest_size=6).hexdigest()
        return f"{self.kind}-{self.start:010d}-{digest}"


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What a plan keeps between attempts.

    Attributes:
        width: Ids a bucket of the census.
        reading: How often the whole source was begun to be read: Neo4j tells nobody which
            properties have changed, so that after a finished run everything is read anew.
        as_of: The instant that ages are counted to, in microseconds since 1970.
        ranges: Relationship type → the range that its weights were observed to have.
        nodes: Ranges of internal ids.
        relationships: The same.
    """

    width: int
    reading: int
    as_of: int
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    nodes: tuple[Span, ...] = ()
    relationships: tuple[Span, ...] = ()

    def document(self) -> dict[str, Any]:
        """The boundaries as JSON can hold them."""
        pinned = {"reading": self.reading, "as_of": self.as_of, "ranges": dict(self.ranges)}
        return {
            "width": self.width,
            **pinned,
            NODES: list(self.nodes),
            RELATIONSHIPS: list(self.relationships),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Boundaries:
        """The boundaries that ``document`` saved."""
        nodes, relationships = (
            tuple((start, stop) for start, stop in document[kind]) for kind in (NODES, RELATIONSHIPS)
        )
        ranges = {kind: (low, high) for kind, (low, high) in document["ranges"].items()}
        return cls(document["width"], document["reading"], document["as_of"], ranges, nodes, relationships)


@dataclass(frozen=True, slots=True)
class Plan:
    """All pages of a migration, nodes first.

    Attributes:
        boundaries: What is kept of it.
        census: What it was cut by.
        pages: The pages, by their page ids.
    """

    boundaries: Boundaries
    census: Census
    pages: Mapping[str, PagePlan]

    @classmethod
    def cut(cls, boundaries: Boundaries, census: Census) -> Plan:
        """Counts the pages on the boundaries there are, and cuts further ones where none were."""
        nodes = tuple(_spans(census.nodes, census.width, boundaries.nodes))
        relationships = tuple(_spans(census.relationships, census.width, boundaries.relationships))
        boundaries = replace(boundaries, nodes=nodes, relationships=relationships)
        pages = [
            *_pages(NODES, census.nodes, census.width, nodes),
            *_pages(RELATIONSHIPS, census.relationships, census.width, relationships),
        ]
        return cls(boundaries, census, {page.page_id(boundaries.reading): page for page in pages})

    def changed_pages(self, later: Census) -> frozenset[str]:
        """The pages in which a later census of the same width counts other records."""
        return frozenset(self.pages.keys() - Plan.cut(self.boundaries, later).pages.keys())

    def types_without(self, pages: Set[str]) -> dict[str, int]:
        """Relationship type → how many there are, but for those in some pages."""
        types: Counter[str] = Counter()
        for page_id, page in self.pages.items():
            if page.kind == RELATIONSHIPS and page_id not in pages:
                counted = _counted(self.census.relationships, self.census.width, page.start, page.stop)
                types.update({kind: rows for (kind,), rows in counted.sorts.items()})
        return {kind: types[kind] for (kind,) in self.census.sorts(RELATIONSHIPS)}


def _spans(buckets: Mapping[int, Bucket], width: int, before: Sequence[Span]) -> Iterator[Span]:
    """The spans there were, then spans of about ``width`` records over all other buckets."""
    yield from before
    covered = {number for start, stop in before for number in range(start // width, stop // width)}
    for group in _groups(buckets, width, covered):
        yield group[0] * width, (group[-1] + 1) * width


def _groups(buckets: Mapping[int, Bucket], width: int, covered: Set[int]) -> Iterator[list[int]]:
    """Neighbouring buckets together, as long as they hold few records: ids may have holes."""
    group: list[int] = []
    for number in sorted(buckets.keys() - covered):
        rows = sum(buckets[one].rows for one in (*group, number))
        if group and (
            rows > width or number - group[0] >= _WIDEST or not covered.isdisjoint(range(group[-1], number))
        ):
            yield group
            group = []
        group.append(number)
    if group:
        yield group


def _pages(kind: str, buckets: Mapping[int, Bucket], width: int, spans: Iterable[Span]) -> Iterator[PagePlan]:
    for start, stop in spans:
        counted = _counted(buckets, width, start, stop)
        if counted.rows:
            yield PagePlan(kind, start, stop, counted.rows, counted.fingerprint)


def _counted(buckets: Mapping[int, Bucket], width: int, start: int, stop: int) -> Bucket:
    """The buckets of a span, together."""
    return sum((buckets.get(number, Bucket()) for number in range(start // width, stop // width)), Bucket())
