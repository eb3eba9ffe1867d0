"""The stages of a migration from PostgreSQL, one by one, without Beam around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from benchmarks.measuring import Stopwatch
from engram_store.run import Run
from engram_store.store import Store
from io_connectors.engram.targets import EmbeddedTargetSpec
from io_connectors.pages import SourcePage
from io_connectors.planned_pages import PlannedPages
from io_connectors.postgresql.introspect import Selection, read_catalogue
from io_connectors.postgresql.plan import PagePlan, Plan
from io_connectors.postgresql.session import Connection, PostgresAddress, connect
from io_connectors.postgresql.snapshot import held_snapshot
from io_connectors.postgresql.source import Place, postgres_pages
from io_connectors.postgresql.splitter import cut, recheck
from transforms.embedding.batch import embed_pages
from transforms.embedding.provider import EmbeddingSpec, create_embedder
from transforms.mapping.postgresql import map_page
from transforms.mapping.tables import TableChoices, TablePlan, plan_tables

PAGE_ROWS = 1000

COPY, PLAN, RECHECK = "COPY to /dev/null", "plan (cut)", "re-check"
READ, MAP, EMBED, WRITE = "read (page queries)", "map", "embed", "write"
CHECK, FINALIZE = "check edges", "finalize"

#: The stages through which every page goes.
LOOP = (READ, MAP, EMBED, WRITE)
#: All that a first migration does.
WHOLE = (PLAN, *LOOP, CHECK, FINALIZE)


@dataclass(frozen=True)
class Database:
    """A database under one snapshot, with all decisions made.

    Attributes:
        address: Where it is.
        connection: Holds the snapshot.
        tables: What is read, and how it is mapped.
        snapshot: Its name.
    """

    address: PostgresAddress
    connection: Connection
    tables: TablePlan
    snapshot: str

    def plan(self, pages: Sequence[PagePlan]) -> Plan:
        """Pages of this database as a plan."""
        return Plan.of(self.tables.reads, pages, self.snapshot)

    def cut(self) -> list[PagePlan]:
        """The pages of all relations."""
        pages = []
        for number, read in enumerate(self.tables.reads):
            pages += cut(self.connection, number, read, PAGE_ROWS)
        return pages

    def recheck(self, before: Sequence[PagePlan]) -> list[PagePlan]:
        """The pages as a resumed run finds them."""
        pages = []
        for number, read in enumerate(self.tables.reads):
            planned = [page for page in before if page.read == number]
            pages += recheck(self.connection, number, read, PAGE_ROWS, planned)
        return pages


@contextmanager
def opened(dsn: str) -> Iterator[Database]:
    """Opens a database with the default settings."""
    address = PostgresAddress.parse(dsn)
    with closing(connect(address, purpose="benchmark")) as connection:
        tables = plan_tables(read_catalogue(connection, Selection()), TableChoices())
        with held_snapshot(connection, tables.catalogue.tables) as snapshot:
            yield Database(address, connection, tables, snapshot)


def measure(database: Database, folder: Path, watch: Stopwatch) -> None:
    """Migrates the database in a plain loop, and measures each stage.

    Args:
        database: The source.
        folder: Where the store is made.
        watch: Takes the costs.
    """
    with watch.both(COPY):
        _copy(database)
    with watch.both(PLAN):
        pages = database.cut()
        plan = database.plan(pages)
    with watch.both(RECHECK):
        database.recheck(pages)
    store = Store.open(folder, create=True)
    run = store.create_run("benchmark", {"model": create_embedder(EmbeddingSpec()).identity})
    with watch.server(READ):
        _migrate(database, plan, store, run, watch)
    run.commit_pages(plan.pages)
    with watch.client(CHECK):
        store.check_edges(run.id)
    with watch.client(FINALIZE):
        store.finalize()


def _copy(database: Database) -> None:
    with Path("/dev/null").open("wb") as nowhere:
        for read in database.tables.reads:
            name = sql.Identifier(read.relation.name.schema, read.relation.name.name)
            statement = sql.SQL("COPY {} TO STDOUT").format(name)
            with database.connection.cursor() as cursor, cursor.copy(statement) as copy:
                for block in copy:
                    nowhere.write(block)


def _migrate(database: Database, plan: Plan, store: Store, run: Run, watch: Stopwatch) -> None:
    """The same work as the pipeline's, page by page."""
    target = EmbeddedTargetSpec(str(store.path), run.id).open()
    embedder = create_embedder(EmbeddingSpec())
    for page in _read(postgres_pages(database.address, plan, tuple(plan.pages)), watch):
        with watch.client(MAP):
            mapped = map_page(page, database.tables.mapping[page.relation])
        with watch.client(EMBED):
            [embedded] = embed_pages(embedder, [mapped])
        with watch.client(WRITE):
            target.write(embedded)


def _read(source: PlannedPages[Place], watch: Stopwatch) -> Iterator[SourcePage]:
    pages = source.read(source.get_range_tracker(None, None))
    while True:
        with watch.client(READ):
            page = next(pages, None)
        if page is None:
            return
        yield page
