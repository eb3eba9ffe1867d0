"""What stands in the way is one error of the tree that says what, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from engram_store.errors import ConfigurationError, MigrationError, PreflightError, SourceError
from io_connectors.postgresql.introspect import Selection, read_catalogue
from io_connectors.postgresql.session import PostgresAddress, connect
from io_connectors.postgresql.snapshot import check_rights, held_snapshot
from tests.postgresql.planning import contents, ids, planned
from tests.servers.postgres import DebianPostgres
from tests.servers.samples import READER, SampleDatabases


def refused(dsn: str) -> MigrationError:
    with pytest.raises(MigrationError) as error:
        connect(PostgresAddress.parse(dsn), purpose="test")
    return error.value


def test_wrong_password(debian_postgres: DebianPostgres) -> None:
    error = refused(debian_postgres.dsn(password="wrong-secret"))
    assert isinstance(error, SourceError) and error.exit_code == 3
    assert "password authentication failed" in error.why
    assert "--source-password-file" in error.suggestion
    assert "wrong-secret" not in str(error)


def test_unknown_database(debian_postgres: DebianPostgres) -> None:
    error = refused(debian_postgres.dsn("no_such_database"))
    assert isinstance(error, SourceError) and error.exit_code == 3
    assert "no_such_database" in error.what + error.why
    assert "psql -l" in error.suggestion


@pytest.mark.parametrize(
    ("dsn", "why", "suggestion"),
    [
        ("postgresql://u:p@127.0.0.1:1/x", "Connection refused", "host and port"),
        ("host=localhost port=1 dbname=x", "Connection refused", "host and port"),
        ("host=/nowhere dbname=x", "No such file", "socket"),
        ("postgresql://u@no-host.invalid/x", "no-host.invalid", "host's name"),
        ("postgresql://u@127.0.0.1:1/x?sslmode=bogus", "bogus", "connection string"),
        ("postgresql://u@127.0.0.1:1/x?connect_timeout=soon", "soon", "connection string"),
    ],
)
def test_server_that_cannot_be_reached(dsn: str, why: str, suggestion: str) -> None:
    error = refused(dsn)
    assert isinstance(error, SourceError) and not error.retriable
    assert why in error.why
    assert suggestion in error.suggestion


def test_server_that_stopped(own_postgres: DebianPostgres) -> None:
    own_postgres.stop()
    assert refused(own_postgres.dsn()).exit_code == 3


@pytest.mark.parametrize(
    "source", ["bogus://x", "no equals sign", "postgresql://u:pass%zz@h/d", "service=x sslpassword=hush"]
)
def test_source_that_is_no_address(source: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        PostgresAddress.parse(source)
    assert error.value.exit_code == 2
    assert "hush" not in str(error.value)


def test_passwords_of_two_sources_are_kept_apart(
    debian_postgres: DebianPostgres, own_postgres: DebianPostgres
) -> None:
    addresses = [PostgresAddress.parse(server.dsn()) for server in (debian_postgres, own_postgres)]
    for address in addresses:
        connect(address, purpose="test").close()
        assert "password" not in address.conninfo


def test_missing_right_on_one_table(sample_database: SampleDatabases) -> None:
    sample_database("torture")
    dsn = sample_database.server.dsn("torture", user=READER)
    with closing(connect(PostgresAddress.parse(dsn), purpose="test")) as connection:
        with pytest.raises(PreflightError) as denied:
            check_rights(read_catalogue(connection))
        with pytest.raises(PreflightError) as filtered:
            check_rights(read_catalogue(connection, Selection(exclude=("app.denied",))))
        check_rights(read_catalogue(connection, Selection(exclude=("app.denied", "app.sec"))))
    assert denied.value.exit_code == filtered.value.exit_code == 8
    assert "`app.denied`" in denied.value.what and "app.usr" not in str(denied.value)
    assert 'GRANT SELECT ON "app"."denied"' in denied.value.example
    assert "`app.sec`" in filtered.value.what and "BYPASSRLS" in filtered.value.suggestion


def test_owner_is_not_filtered(sample_database: SampleDatabases) -> None:
    address = PostgresAddress.parse(sample_database("torture"))
    with closing(connect(address, purpose="test")) as connection:
        check_rights(read_catalogue(connection))


@pytest.fixture
def role(debian_postgres: DebianPostgres) -> Iterator[str]:
    debian_postgres.query("CREATE ROLE odd LOGIN")
    debian_postgres.set_password("odd")
    yield "odd"
    for database in ("postgres", "rights"):
        if debian_postgres.query(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):
            debian_postgres.query("DROP OWNED BY odd", database)
    debian_postgres.query("DROP ROLE odd")


def test_right_on_the_root_but_not_on_a_partition(debian_postgres: DebianPostgres, role: str) -> None:
    debian_postgres.create_database(
        "rights",
        "CREATE TABLE ev (id int) PARTITION BY LIST (id);"
        "CREATE TABLE ev_1 PARTITION OF ev FOR VALUES IN (1);"
        "CREATE TABLE ev_2 PARTITION OF ev FOR VALUES IN (2); GRANT SELECT ON ev, ev_1 TO odd",
    )
    address = PostgresAddress.parse(debian_postgres.dsn("rights", user=role))
    with closing(connect(address, purpose="test")) as connection, pytest.raises(PreflightError) as denied:
        check_rights(read_catalogue(connection))
    assert 'GRANT SELECT ON "public"."ev_2" TO' in denied.value.example
    debian_postgres.drop_database("rights")


def test_table_locked_by_another_session(sample_database: SampleDatabases) -> None:
    dsn = sample_database("torture")
    selection = Selection(("Weird Schema.*",))
    with psycopg.connect(dsn) as other, closing(connect(PostgresAddress.parse(dsn), purpose="test")) as mine:
        tables = read_catalogue(mine, selection).tables
        other.execute('LOCK TABLE "Weird Schema"."My ""Tbl"".x" IN ACCESS EXCLUSIVE MODE')
        with pytest.raises(PreflightError) as locked, held_snapshot(mine, tables, lock_seconds=0.05):
            pass
        query = locked.value.example.encode()
        pids = [row[0] for row in other.execute(query).fetchall()]
        assert pids == [other.info.backend_pid]
        assert mine.closed
    assert locked.value.exit_code == 8
    assert 'My "Tbl".x' in locked.value.what
    assert "0.05 s" in locked.value.why


def test_locks_keep_others_from_changing_tables(sample_database: SampleDatabases) -> None:
    dsn = sample_database("torture")
    with planned(dsn, selection=Selection(("app.ev",))), psycopg.connect(dsn) as other:
        other.execute("SET lock_timeout = 50")
        for change in ("TRUNCATE app.ev_def", "ALTER TABLE app.ev ADD more int"):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(change.encode())
            other.rollback()
            other.execute("SET lock_timeout = 50")


ODD_SETTINGS = {
    "DateStyle": "German",
    "TimeZone": "Asia/Kolkata",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "xmlbinary": "hex",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "search_path": "app, nowhere",
    "statement_timeout": "59s",
    "lock_timeout": "59s",
    "idle_in_transaction_session_timeout": "59s",
    "enable_seqscan": "off",
    "enable_tidscan": "off",
    "default_transaction_isolation": "serializable",
    "client_encoding": "LATIN1",
}


def test_settings_of_the_role_change_nothing(
    debian_postgres: DebianPostgres, sample_database: SampleDatabases, role: str
) -> None:
    dsn = sample_database("torture")
    debian_postgres.query(f"GRANT pg_read_all_data TO {role}")
    debian_postgres.query(f"ALTER ROLE {role} BYPASSRLS")
    with planned(dsn, page_rows=7) as plain:
        before = plain.mapped()
    for name, value in ODD_SETTINGS.items():
        debian_postgres.query(
            f"ALTER ROLE {role} SET {name} = '{value}'".replace("'app, nowhere'", "app, nowhere")
        )
    with planned(debian_postgres.dsn("torture", user=role), page_rows=7) as odd:
        after = odd.mapped()
        assert list(odd.plan.pages) == list(plain.plan.pages)
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            assert odd.connection.execute("SELECT current_setting(%s)", (limit,)).fetchone() == ("0",)
    assert ids(after) == ids(before)
    assert contents(after) == contents(before)
    assert [page.memories.created_at for page in after] == [page.memories.created_at for page in before]
