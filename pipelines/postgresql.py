"""PostgreSQL → Engram: ``python -m pipelines.postgresql --source postgresql://… --target ./engram-data``.

plan    catalogue → tables, ids, spaces → pages, cut in one snapshot that is held to the end
read    ReadFromPostgres     map    MapPostgres
embed   EmbedMemories        write  WriteToEngram        check  CountRecords, CheckEdges
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pipelines.quiet  # noqa: F401  # isort: skip
import psycopg
from psycopg import sql

from io_connectors.engram.home import RunHome, TargetRun
from io_connectors.pages import MappedPage, SourcePage
from io_connectors.postgresql import plan as plans
from io_connectors.postgresql.catalogue import Table
from io_connectors.postgresql.introspect import Selection, read_catalogue
from io_connectors.postgresql.lookups import PostgresLookups
from io_connectors.postgresql.plan import PagePlan, Plan
from io_connectors.postgresql.reads import select
from io_connectors.postgresql.session import Connection, PostgresAddress, connect, translate
from io_connectors.postgresql.snapshot import check_rights, held_snapshot, state_of
from io_connectors.postgresql.source import ReadFromPostgres, numbered
from io_connectors.postgresql.splitter import page_condition, recheck
from pipelines.command import Command, run_command
from pipelines.embedding import embedder_for, model_of
from pipelines.guard import leave
from pipelines.migration import Migration
from pipelines.planned import PlannedSource
from pipelines.preview import SAMPLE_RECORDS, PlannedTable, Preview, expect
from pipelines.read_and_map import ReadAndMap
from pipelines.report import Report
from pipelines.run_state import RunKey, kept_run, load_checkpoint, open_run, save_checkpoint
from pipelines.settings.password import password_of
from pipelines.settings.sources import PostgresSettings
from transforms.mapping.postgresql import SYSTEM, MapPostgres, map_page
from transforms.mapping.tables import TableChoices, TablePlan, plan_tables

COMMAND = Command(
    kind=PostgresSettings,
    program="python -m pipelines.postgresql",
    description="Migrates a PostgreSQL database into Engram: rows become memories, foreign keys edges.",
    example="postgresql://reader@localhost:5432/shop",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return run_command(COMMAND, migrate, preview, sys.argv[1:] if arguments is None else arguments)


def migrate(settings: PostgresSettings, beam_flags: Sequence[str]) -> Report:
    """Migrates, or goes on with, the run that the settings mean."""
    with _planning(settings) as planning:
        key = planning.key(settings)
        spaces = (mapping.space for mapping in planning.tables.mapping.values())
        with open_run(settings, key, planning.address.display, spaces) as (home, run):
            plan = planning.plan(settings, load_checkpoint(settings, run, key))
            save_checkpoint(settings, run, key, plans.to_document(plan))
            return Migration(settings, tuple(beam_flags), home, run, planning.source(plan)).go()


@contextmanager
def kept(settings: PostgresSettings) -> Iterator[tuple[RunHome, TargetRun, PlannedSource]]:
    """A run that was made before, its target locked and its source planned on the saved boundaries."""
    with _planning(settings) as planning:
        key = planning.key(settings)
        with kept_run(settings, key) as (home, run):
            plan = planning.plan(settings, load_checkpoint(settings, run, key))
            yield home, run, planning.source(plan)


def preview(settings: PostgresSettings) -> Preview:
    """The plan of a migration, with samples; nothing is written."""
    with _planning(settings) as planning:
        plan = planning.plan(settings, {})
        return planning.preview(settings, plan)


@dataclass(frozen=True)
class _Planning:
    """The database under one snapshot, with all decisions made."""

    address: PostgresAddress
    connection: Connection
    tables: TablePlan
    snapshot: str

    def key(self, settings: PostgresSettings) -> RunKey:
        """What the attempts of a run must agree in."""
        model = model_of(settings)
        identity = self.tables.catalogue.identity
        return RunKey(SYSTEM, identity, self.tables.digests(), model, settings.vector_type)

    def plan(self, settings: PostgresSettings, saved: dict[str, Any]) -> Plan:
        """The pages: cut anew, checked on the saved boundaries, or those saved, where nothing changed."""
        reads = self.tables.reads
        before = plans.from_document(saved, reads)
        state = state_of(self.connection, reads, self.tables.digests())
        if state and plans.counted_in(saved) == state:
            pages = before
        else:
            pages = [
                recheck(self.connection, number, read, settings.batch_size, before[number])
                for number, read in enumerate(reads)
            ]
        return Plan.of(reads, chain.from_iterable(pages), self.snapshot, state)

    def source(self, plan: Plan) -> PlannedSource:
        """The plan as a migration of any source takes it."""
        mapping = self.tables.mapping
        return PlannedSource(
            system=SYSTEM,
            shown=self.address.display,
            snapshot=plan.snapshot,
            page_rows={page_id: page.rows for page_id, page in plan.pages.items()},
            page_tables={i: str(plan.reads[page.read].table.name) for i, page in plan.pages.items()},
            tables={m.table: m.space for m in mapping.values()},
            spaces=tuple(dict.fromkeys(m.space for m in mapping.values())),
            references=plan.references_by_origin(),
            not_followed=tuple(key.origin for key in self.tables.not_followed),
            bytes=sum(read.relation.size + read.relation.toast for read in plan.reads),
            read=lambda page_ids: ReadAndMap(
                ReadFromPostgres(self.address, plan, page_ids), MapPostgres(mapping)
            ),
            lookups=PostgresLookups(self.connection, self.tables.catalogue),
        )

    def preview(self, settings: PostgresSettings, plan: Plan) -> Preview:
        """What would be migrated, with the first rows of each table before and after."""
        source = self.source(plan)
        tables = tuple(
            self._planned_table(plan, table) for table in self.tables.catalogue.tables if table.relations
        )
        embedder = embedder_for(settings)
        return Preview(
            source=source.shown,
            target=settings.target,
            tables=tables,
            pages=len(plan.pages),
            cycles=tuple(tuple(map(str, cycle)) for cycle in self.tables.catalogue.cycles),
            references=source.references,
            not_followed=source.not_followed,
            model=f"{embedder.identity}. {embedder.description}",
            expected=expect(settings, tables, sum(source.references.values())),
        )

    def _planned_table(self, plan: Plan, table: Table) -> PlannedTable:
        pages = [page for page in plan.pages.values() if plan.reads[page.read].table.name == table.name]
        read = next(read for read in plan.reads if read.table.name == table.name)
        begun = time.process_time()
        sample = self._sample(plan, pages[0]) if pages else None
        return PlannedTable(
            name=str(table.name),
            space=self.tables.mapping[str(read.relation.name)].space,
            rows=sum(page.rows for page in pages),
            key=table.key,
            text=read.text_columns,
            time=read.time_column or "",
            comment=table.comment,
            sample=sample,
            read_seconds=time.process_time() - begun,
        )

    def _sample(self, plan: Plan, page: PagePlan) -> MappedPage:
        read = plan.reads[page.read]
        rows_of_page = select(read, page_condition(read, page), place=bool(page.repeats))
        query = sql.SQL("{} LIMIT {}").format(rows_of_page, SAMPLE_RECORDS)
        try:
            rows = self.connection.execute(query).fetchall()
        except psycopg.Error as error:
            raise translate(error, f"reading `{read.relation.name}`") from error
        name = str(read.relation.name)
        return map_page(SourcePage("sample", name, numbered(rows, page, read)), self.tables.mapping[name])


@contextmanager
def _planning(settings: PostgresSettings) -> Iterator[_Planning]:
    address = PostgresAddress.parse(settings.source, password_of(settings))
    with closing(connect(address, purpose="coordinating")) as connection:
        choices = _choices(settings)
        catalogue = read_catalogue(connection, Selection(settings.include, settings.exclude))
        tables = plan_tables(catalogue, choices)
        check_rights(tables.catalogue)
        with held_snapshot(connection, tables.catalogue.tables) as snapshot:
            yield _Planning(address, connection, tables, snapshot)


def _choices(settings: PostgresSettings) -> TableChoices:
    return TableChoices(
        memory_space=settings.memory_space or None,
        spaces=settings.table_to_space,
        text_columns=settings.text_columns,
        time_columns=settings.timestamp_column,
        keys=settings.keys,
        references=settings.references,
        skip_edges=settings.skip_edges,
        confidence=settings.confidence,
        activation=settings.activation,
        decay_rate=settings.decay_rate,
        edge_weight=settings.edge_weight,
        content_limit=settings.max_content_bytes,
    )


if __name__ == "__main__":
    leave(main())
