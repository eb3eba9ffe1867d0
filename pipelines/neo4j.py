"""Neo4j → Engram: ``python -m pipelines.neo4j --source neo4j://… --target ./engram-data``.

plan    census → pages, as ranges of internal ids; nodes and relationships apart
read    ReadFromNeo4j        map    MapNeo4j
embed   EmbedMemories        write  WriteToEngram        check  CountRecords, CheckEdges
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pipelines.quiet  # noqa: F401  # isort: skip

from io_connectors.engram.home import RunHome, TargetRun
from io_connectors.neo4j.census import Census, Sort, shown
from io_connectors.neo4j.choices import observed_ranges
from io_connectors.neo4j.graph import Graph, open_graph
from io_connectors.neo4j.lookups import GraphLookups
from io_connectors.neo4j.plan import PAGE_BYTES, Boundaries, Plan
from io_connectors.neo4j.rows import NODES, RELATIONSHIPS
from io_connectors.neo4j.session import Neo4jAddress
from io_connectors.neo4j.source import ReadFromNeo4j, Reading
from io_connectors.pages import SourcePage
from pipelines.command import Command, run_command
from pipelines.embedding import embedder_for, model_of
from pipelines.graph_settings import check_against, choices_of
from pipelines.guard import leave
from pipelines.migration import Migration
from pipelines.planned import PlannedSource, Recount
from pipelines.preview import SAMPLE_RECORDS, PlannedTable, Preview, expect
from pipelines.read_and_map import ReadAndMap
from pipelines.report import Report
from pipelines.run_state import RunKey, kept_run, load_checkpoint, open_run, reads_anew, save_checkpoint
from pipelines.settings.kinds import OBSERVED
from pipelines.settings.password import password_of
from pipelines.settings.sources import Neo4jSettings
from transforms.mapping.graph_choices import EVERY, GraphChoices, GraphMapping
from transforms.mapping.graph_text import plan_text
from transforms.mapping.graph_times import plan_time
from transforms.mapping.neo4j import SYSTEM, MapNeo4j, map_page, mirror_origin

COMMAND = Command(
    kind=Neo4jSettings,
    program="python -m pipelines.neo4j",
    description="Migrates a Neo4j database into Engram: nodes become memories, relationships edges.",
    example="neo4j://localhost:7687",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return run_command(COMMAND, migrate, preview, sys.argv[1:] if arguments is None else arguments)


def migrate(settings: Neo4jSettings, beam_flags: Sequence[str]) -> Report:
    """Migrates, or goes on with, the run that the settings mean."""
    with _planning(settings) as planning:
        key = planning.key()
        with open_run(settings, key, planning.graph.address.display, planning.spaces()) as (home, run):
            planned = planning.planned(load_checkpoint(settings, run, key), reads_anew(settings, run))
            save_checkpoint(settings, run, key, planned.plan.boundaries.document())
            return Migration(settings, tuple(beam_flags), home, run, planned.source()).go()


@contextmanager
def kept(settings: Neo4jSettings) -> Iterator[tuple[RunHome, TargetRun, PlannedSource]]:
    """A run that was made before, its target locked and its source planned on the saved boundaries."""
    with _planning(settings) as planning:
        key = planning.key()
        with kept_run(settings, key) as (home, run):
            planned = planning.planned(load_checkpoint(settings, run, key), anew=False)
            yield home, run, planned.source()


def preview(settings: Neo4jSettings) -> Preview:
    """The plan of a migration, with samples; nothing is written."""
    with _planning(settings) as planning:
        return planning.planned({}, anew=False).preview()


@dataclass(frozen=True)
class _Planning:
    """The database, looked at, with the user's choices checked against it."""

    settings: Neo4jSettings
    graph: Graph
    choices: GraphChoices
    reading: Reading
    census: Census

    def key(self) -> RunKey:
        """What the attempts of a run must agree in."""
        settings = self.settings
        model = model_of(settings)
        edges = (sorted(settings.weight_range.items()), self.reading.mirrored, settings.skip_edges)
        mapping = {**self.choices.digests(), "edges": repr(edges)}
        return RunKey(SYSTEM, self.graph.identity, mapping, model, settings.vector_type)

    def spaces(self) -> tuple[str, ...]:
        """The spaces of the labels there are, the largest first."""
        return tuple(dict.fromkeys(self.choices.space_of(labels) for labels in self.census.sorts(NODES)))

    def planned(self, saved: Mapping[str, Any], anew: bool) -> _Planned:
        """The pages: cut anew, or counted again on the boundaries that were saved."""
        size = self.graph.record_bytes(self.reading, self.census)
        if saved and not anew:
            boundaries = Boundaries.from_document(saved)
        else:
            width = max(1, min(self.census.width, int(PAGE_BYTES / max(1.0, size))))
            reading = Boundaries.from_document(saved).reading + 1 if saved else 1
            boundaries = Boundaries(width, reading, time.time_ns() // 1000, self._observed())
        census = self.census if boundaries.width == self.census.width else self.count(boundaries.width)
        return _Planned(self, Plan.cut(boundaries, census), size)

    def count(self, width: int) -> Census:
        """The graph as it is now."""
        return self.graph.census(width, self.reading.mirrored, not self.settings.skip_edges)

    def _observed(self) -> dict[str, tuple[float, float]]:
        properties, ranges = self.settings.weight_property, self.settings.weight_range
        found = {}
        for name in set(properties.values()) if OBSERVED in ranges.values() else ():
            for kind, seen in observed_ranges(self.graph.connection, name).items():
                asked = ranges.get(kind, ranges.get(EVERY)) == OBSERVED
                if asked and properties.get(kind, properties.get(EVERY)) == name:
                    found[kind] = seen
        return found


@dataclass(frozen=True)
class _Planned:
    """All decisions made: the pages, and what they become."""

    planning: _Planning
    plan: Plan
    record_bytes: float

    @property
    def mapping(self) -> GraphMapping:
        """How records become memories and edges."""
        boundaries, choices = self.plan.boundaries, self.planning.choices
        ranges = {**choices.weight_ranges, **boundaries.ranges}
        return GraphMapping(replace(choices, weight_ranges=ranges), boundaries.as_of)

    def source(self) -> PlannedSource:
        """The plan as a migration of any source takes it."""
        planning, pages = self.planning, self.plan.pages
        return PlannedSource(
            system=SYSTEM,
            shown=planning.graph.address.display,
            snapshot="",
            page_rows={page_id: page.rows for page_id, page in pages.items()},
            page_tables={page_id: page.kind for page_id, page in pages.items()},
            tables=dict.fromkeys((NODES, RELATIONSHIPS), ""),
            spaces=planning.spaces(),
            references=_references(self.plan.census),
            not_followed=(),
            bytes=int(self.record_bytes * sum(page.rows for page in pages.values())),
            read=self._read,
            edge_tables=frozenset((RELATIONSHIPS,)),
            added_edges=frozenset(map(mirror_origin, planning.reading.mirrored)),
            recount=self.recount,
            lookups=GraphLookups(planning.graph.connection, planning.graph.dialect),
        )

    def _read(self, page_ids: Sequence[str]) -> ReadAndMap:
        planning = self.planning
        read = ReadFromNeo4j(planning.graph.address, planning.reading, self.plan, page_ids)
        return ReadAndMap(read, MapNeo4j(self.mapping))

    def recount(self) -> Recount:
        """Counts the graph again, and says how it changed."""
        before, after = self.plan.census, self.planning.count(self.plan.census.width)
        rows = {kind: after.rows(kind) for kind in (NODES, RELATIONSHIPS)}
        changes = tuple(filter(None, (before.changes(after, kind) for kind in rows)))
        changed = self.plan.changed_pages(after)
        # A relationship somewhere else decides whether one here is mirrored.
        settled = self.plan.types_without(changed) if changes else _references(before)
        return Recount(rows, _references(after), changes, changed, settled)

    def preview(self) -> Preview:
        """What would be migrated, with the first records of each label and type before and after."""
        planning, source = self.planning, self.source()
        tables = tuple(
            self._planned_table(kind, sort, rows)
            for kind in (NODES, RELATIONSHIPS)
            for sort, rows in self.plan.census.sorts(kind).items()
        )
        embedder = embedder_for(planning.settings)
        return Preview(
            source=source.shown,
            target=planning.settings.target,
            tables=tables,
            pages=len(self.plan.pages),
            cycles=(),
            references=source.references,
            not_followed=(),
            model=f"{embedder.identity}. {embedder.description}",
            expected=expect(planning.settings, tables, sum(source.references.values())),
        )

    def _planned_table(self, kind: str, sort: Sort, rows: int) -> PlannedTable:
        choices = self.planning.choices
        primary = choices.primary_label(sort) if kind == NODES else None
        names = sorted(sort, key=lambda name: (name != primary, name))
        alike, seconds = self._sample(kind, sort)
        begun = time.process_time()
        sample = map_page(SourcePage("sample", kind, alike), self.mapping)
        keys = tuple(dict.fromkeys(key for row in alike for key in row.keys))
        text = plan_text(names, keys, choices.text_properties).parts if kind == NODES else ()
        times = plan_time(names, keys, choices.time_properties).positions
        return PlannedTable(
            name=shown(kind, sort),
            space=choices.space_of(sort) if kind == NODES else "",
            rows=rows,
            key=(choices.id_properties.get(primary or "", "internal id"),),
            text=tuple(keys[position] for position, _ in text),
            time=keys[times[0]] if times else "",
            comment="",
            sample=sample,
            read_seconds=seconds + time.process_time() - begun,
        )

    def _sample(self, kind: str, sort: Sort) -> tuple[list[Any], float]:
        """The first records of a sort, and the CPU seconds that reading them took."""
        planning, census = self.planning, self.plan.census
        number = next(number for number, bucket in census.of(kind).items() if sort in bucket.sorts)
        start = number * census.width
        begun = time.process_time()
        rows = planning.graph.rows(planning.reading, kind, start, start + census.width)
        alike = [row for row in rows if _sort_of(kind, row) == sort][:SAMPLE_RECORDS]
        return alike, (time.process_time() - begun) * len(alike) / max(1, len(rows))


@contextmanager
def _planning(settings: Neo4jSettings) -> Iterator[_Planning]:
    address = Neo4jAddress.parse(
        settings.source, settings.source_user, settings.database, password_of(settings)
    )
    choices = choices_of(settings)
    with open_graph(address) as graph:
        mirrored = () if settings.skip_edges else settings.bidirectional_types
        reading = Reading(graph.dialect, choices.identity_properties, mirrored)
        census = graph.census(settings.batch_size, mirrored, not settings.skip_edges)
        check_against(settings, graph, census)
        yield _Planning(settings, graph, choices, reading, census)


def _references(census: Census) -> dict[str, int]:
    types = {kind: rows for (kind,), rows in census.sorts(RELATIONSHIPS).items()}
    return types | {mirror_origin(kind): rows for kind, rows in census.one_way.items()}


def _sort_of(kind: str, row: Any) -> Sort:
    return tuple(sorted(row.labels)) if kind == NODES else (row.type,)


if __name__ == "__main__":
    leave(main())
