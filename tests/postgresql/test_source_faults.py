"""Rows that cannot be read, snapshots and servers that go away."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from engram_store.errors import Interrupted, MigrationError, WorkerFailure
from io_connectors.postgresql.introspect import Selection
from tests.postgresql.planning import Planned, ids, planned
from tests.servers.postgres import DebianPostgres, WheelPostgres
from transforms.mapping.postgresql import map_page
from transforms.mapping.tables import TableChoices

TABLE = (
    "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'v' FROM generate_series(1, 20) g"
)


@pytest.fixture
def ascii_database(debian_postgres: DebianPostgres) -> Iterator[str]:
    """A database without encoding, with a byte that is no UTF-8 in one row of each table."""
    with debian_postgres.connect() as connection:
        connection.execute("CREATE DATABASE bad_bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with psycopg.connect(debian_postgres.dsn("bad_bytes"), autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute("CREATE TABLE keyless (v text, n int)")
        connection.execute("INSERT INTO keyless SELECT 'w', g / 2 FROM generate_series(1, 20) g")
        connection.execute("UPDATE t SET v = E'caf\\xe9' WHERE id = 7")
        connection.execute("UPDATE keyless SET v = E'caf\\xe9' WHERE n = 10")
        connection.execute("CREATE VIEW seen AS SELECT * FROM t")
    yield debian_postgres.dsn("bad_bytes")
    debian_postgres.drop_database("bad_bytes")


@pytest.mark.parametrize("page_rows", [4, 1000])
@pytest.mark.parametrize(("relation", "bad"), [("t", 1), ("seen", 1), ("keyless", 1)])
def test_bad_row_is_a_dead_letter_and_the_others_are_read(
    ascii_database: str, relation: str, bad: int, page_rows: int
) -> None:
    choices = TableChoices(keys={"seen": ("id",)} if relation == "seen" else {})
    with planned(
        ascii_database, page_rows=page_rows, selection=Selection((relation,)), choices=choices
    ) as found:
        pages = found.read()
        mapped = [map_page(page, found.tables.mapping[page.relation]) for page in pages]
    letters = [letter for page in mapped for letter in page.dead_letters]
    assert len(set(ids(mapped))) == 20 - bad
    assert len(letters) == bad
    assert letters[0].stage == "read"
    assert letters[0].kind == f"public.{relation}"
    assert "0xe9" in letters[0].reason and "22021" in letters[0].reason
    assert letters[0].page_id in found.plan.pages
    assert ("7" if relation == "seen" else "ctid") in letters[0].key


def failure(found: Planned) -> MigrationError:
    """The error of the tree that reading ends with, as it leaves a worker."""
    with pytest.raises(WorkerFailure) as failed:
        found.read()
    error = MigrationError.in_text(str(failed.value))
    assert error is not None
    return error


@pytest.mark.parametrize("server", ["debian_postgres", "wheel_postgres"])
def test_lost_snapshot_interrupts(server: str, request: pytest.FixtureRequest) -> None:
    postgres: DebianPostgres | WheelPostgres = request.getfixturevalue(server)
    with planned(postgres.create_database("lost", TABLE)) as found:
        assert len(ids(found.mapped())) == 20
        found.connection.close()
        error = failure(found)
    assert isinstance(error, Interrupted)
    assert "snapshot" in error.what
    assert "run the same command again" in error.suggestion
    postgres.drop_database("lost")


def test_stopped_server_interrupts(own_postgres: DebianPostgres) -> None:
    with planned(own_postgres.create_database("stopped", TABLE), page_rows=5) as found:
        source = found.source()
        reading = source.read(source.get_range_tracker(None, None))
        assert len(next(reading)) == 5
        own_postgres.stop()
        with pytest.raises(WorkerFailure) as failed:
            next(reading)
        middle = MigrationError.in_text(str(failed.value))
        assert isinstance(middle, Interrupted)
        assert "`public.t`" in middle.what
        # A worker that only now opens its connection fails the same way.
        late = failure(found)
        assert isinstance(late, Interrupted)
        assert "Connection refused" in late.why


def test_terminated_backend_interrupts(debian_postgres: DebianPostgres) -> None:
    with planned(debian_postgres.create_database("ended", TABLE), page_rows=5) as found:
        source = found.source()
        reading = source.read(source.get_range_tracker(None, None))
        next(reading)
        debian_postgres.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'engram-migrate: reading pages' AND datname = 'ended'"
        )
        with pytest.raises(WorkerFailure) as failed:
            next(reading)
    assert isinstance(MigrationError.in_text(str(failed.value)), Interrupted)
    debian_postgres.drop_database("ended")
