"""Redis → Engram: ``python -m pipelines.redis --use-rdb dump.rdb --target ./engram-data``.

plan    a dump file, an append-only file or a live server → pages of keys
read    ReadPlannedPages     map    MapRedis
embed   EmbedMemories        write  WriteToEngram        check  CountRecords, CheckEdges
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipelines.quiet  # noqa: F401  # isort: skip

from engram_store.errors import ConfigurationError
from io_connectors.engram.home import RunHome, TargetRun
from io_connectors.planned_pages import PlannedPage, PlannedPages, ReadPlannedPages
from io_connectors.redis.aof import open_append_only
from io_connectors.redis.aof_files import find_append_only
from io_connectors.redis.dump import NATIVE, DumpChoices, dump_identity, open_dump
from io_connectors.redis.keyspace import KEYS, Keyspace, KeyspacePlan, Selection
from io_connectors.redis.live.address import RedisAddress, Tls
from io_connectors.redis.live.keyspace import open_live
from pipelines.command import Command, run_command
from pipelines.embedding import embedder_for, model_of
from pipelines.guard import leave
from pipelines.keyspace_samples import derived_a_key, planned_tables
from pipelines.migration import Migration
from pipelines.planned import PlannedSource, Recount
from pipelines.preview import Preview, expect
from pipelines.read_and_map import ReadAndMap
from pipelines.report import Report
from pipelines.run_state import (
    RunKey,
    kept_run,
    load_checkpoint,
    open_run,
    reads_anew,
    run_folder,
    save_checkpoint,
)
from pipelines.settings.kinds import databases
from pipelines.settings.password import password_of
from pipelines.settings.sources import RedisSettings
from transforms.mapping.keyspace_choices import DEFAULT_SPACE, KeyspaceChoices, KeyspaceMapping
from transforms.mapping.keyspace_parts import HAS_FIELD, HAS_MEMBER, NEXT_RANKED
from transforms.mapping.redis import SYSTEM, MapRedis

COMMAND = Command(
    kind=RedisSettings,
    program="python -m pipelines.redis",
    description="Migrates Redis or Valkey into Engram: keys become memories.",
    example="redis://localhost:6379",
    sources=("source", "use_rdb", "use_aof"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return run_command(COMMAND, migrate, preview, sys.argv[1:] if arguments is None else arguments)


def migrate(settings: RedisSettings, beam_flags: Sequence[str]) -> Report:
    """Migrates, or goes on with, the run that the settings mean."""
    with _planning(settings) as planning:
        key = planning.key()
        with open_run(settings, key, planning.keyspace.display, planning.choices.spaces) as (home, run):
            planned = planning.planned(load_checkpoint(settings, run, key), reads_anew(settings, run))
            save_checkpoint(settings, run, key, planned.plan.boundaries)
            return Migration(settings, tuple(beam_flags), home, run, planned.source()).go()


@contextmanager
def kept(settings: RedisSettings) -> Iterator[tuple[RunHome, TargetRun, PlannedSource]]:
    """A run that was made before, its target locked and its source planned on the saved boundaries."""
    with _planning(settings) as planning:
        key = planning.key()
        with kept_run(settings, key) as (home, run):
            planned = planning.planned(load_checkpoint(settings, run, key), anew=False)
            yield home, run, planned.source()


def preview(settings: RedisSettings) -> Preview:
    """The plan of a migration, with samples; nothing is written."""
    with _planning(settings) as planning:
        return planning.planned({}, anew=False).preview()


@dataclass(frozen=True)
class _Planning:
    """The keyspace, opened, and what the user said about it."""

    settings: RedisSettings
    keyspace: Keyspace
    selection: Selection
    choices: KeyspaceChoices

    def key(self) -> RunKey:
        """What the attempts of a run must agree in."""
        settings = self.settings
        model = model_of(settings)
        mapping = {
            **self.choices.digests(),
            "databases": repr(self.selection.databases),
            "match": settings.match,
            "ttl_clock": settings.ttl_clock,
        }
        return RunKey(SYSTEM, self.keyspace.identity, mapping, model, settings.vector_type)

    def planned(self, saved: Mapping[str, Any], anew: bool) -> _Planned:
        """The pages: cut anew, or found again on the boundaries that were saved."""
        plan = self.keyspace.plan(saved, anew)
        return _Planned(self, plan, KeyspaceMapping(self.choices, plan.as_of, self.selection.several))


@dataclass(frozen=True)
class _Planned:
    """All decisions made: the pages, and what they become."""

    planning: _Planning
    plan: KeyspacePlan
    mapping: KeyspaceMapping

    def source(self) -> PlannedSource:
        """The plan as a migration of any source takes it."""
        plan, choices = self.plan, self.planning.choices
        rows = sum(page.rows for page in plan.pages.values())
        return PlannedSource(
            system=SYSTEM,
            shown=self.planning.keyspace.display,
            snapshot=plan.state,
            page_rows={page_id: page.rows for page_id, page in plan.pages.items()},
            page_tables=dict.fromkeys(plan.pages, KEYS),
            tables={KEYS: ""},
            spaces=choices.spaces,
            references={},
            not_followed=(),
            bytes=plan.bytes,
            read=self._read,
            added_edges=frozenset((HAS_FIELD, HAS_MEMBER, NEXT_RANKED)),
            recount=self.recount if plan.recount else None,
            derived=int(rows * derived_a_key(plan, self.mapping)),
            notes=plan.notes,
            lookups=plan.lookups,
        )

    def _read(self, page_ids: Sequence[str]) -> ReadAndMap:
        plan = self.plan
        pages = [
            PlannedPage(page_id, plan.pages[page_id].rows, plan.pages[page_id].place) for page_id in page_ids
        ]
        read = ReadPlannedPages(PlannedPages(pages, plan.open_reader, plan.shown))
        return ReadAndMap(read, MapRedis(self.mapping))

    def recount(self) -> Recount:
        """Counts the keys again, and says how they changed."""
        assert self.plan.recount is not None
        after = self.plan.recount()
        return Recount({KEYS: after.keys}, {}, after.changes, after.changed_pages, {})

    def preview(self) -> Preview:
        """What would be migrated, with the first keys of each type before and after."""
        settings, source = self.planning.settings, self.source()
        tables = planned_tables(self.plan, self.mapping)
        embedder = embedder_for(settings)
        return Preview(
            source=source.shown,
            target=settings.target,
            tables=tables,
            pages=len(self.plan.pages),
            cycles=(),
            references={},
            not_followed=(),
            model=f"{embedder.identity}. {embedder.description}",
            expected=expect(settings, tables, 0),
            notes=source.notes,
        )


@contextmanager
def _planning(settings: RedisSettings) -> Iterator[_Planning]:
    if settings.rdb_engine != NATIVE and not settings.use_rdb:
        raise ConfigurationError(
            f"`--rdb-engine {settings.rdb_engine}` reads dump files only",
            suggestion="leave it out, or give a dump file",
            example="--use-rdb dump.rdb",
        )
    selection = _selection(settings)
    choices = _choices(settings)
    with _opened(settings, selection) as keyspace:
        yield _Planning(settings, keyspace, selection, choices)


@contextmanager
def _opened(settings: RedisSettings, selection: Selection) -> Iterator[Keyspace]:
    """The source in the way that the settings name."""
    choices = _dump_choices(settings, selection)
    if settings.source:
        address = _address(settings)
        folder = None if settings.dry_run else run_folder(settings, SYSTEM, address.identity)
        with open_live(address, selection, settings.batch_size, folder) as live:
            yield live
    elif settings.use_rdb:
        path = Path(settings.use_rdb)
        folder = None if settings.dry_run else run_folder(settings, SYSTEM, dump_identity(path))
        yield open_dump(path, choices, folder)
    else:
        files = find_append_only(Path(settings.use_aof))
        folder = None if settings.dry_run else run_folder(settings, SYSTEM, files.identity)
        with open_append_only(files, choices, folder) as keyspace:
            yield keyspace


def _selection(settings: RedisSettings) -> Selection:
    """Which keys are read; the database that an address names counts where no other was asked for."""
    asked = databases(settings.source_db)
    named = _address(settings).db if settings.source else None
    if named is not None and asked == (0,):
        asked = (named,)
    return Selection(asked, settings.match)


def _address(settings: RedisSettings) -> RedisAddress:
    tls = Tls(settings.tls_ca_file, settings.tls_cert_file, settings.tls_key_file)
    return RedisAddress.parse(settings.source, settings.source_user, password_of(settings), tls)


def _dump_choices(settings: RedisSettings, selection: Selection) -> DumpChoices:
    return DumpChoices(
        selection=selection,
        page_keys=settings.batch_size,
        counted_from_now=settings.ttl_clock == "now",
        salvage=settings.salvage,
        engine=settings.rdb_engine,
    )


def _choices(settings: RedisSettings) -> KeyspaceChoices:
    return KeyspaceChoices(
        key_spaces=settings.key_to_space,
        memory_space=settings.memory_space or DEFAULT_SPACE,
        text_fields=settings.text_fields,
        hash_fields_as_memories=settings.hash_fields_as_memories,
        zset_members_as_memories=settings.zset_members_as_memories,
        edges=not settings.skip_edges,
        ttl_as_decay=settings.ttl_as_decay,
        confidence=settings.confidence,
        activation=settings.activation,
        decay_rate=settings.decay_rate,
        content_limit=settings.max_content_bytes,
    )


if __name__ == "__main__":
    leave(main())
