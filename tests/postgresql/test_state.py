"""States of a database have the same name exactly while no transaction has written anything."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import psycopg
import pytest
from psycopg import sql

import pipelines.postgresql
from io_connectors.postgresql.introspect import Selection
from io_connectors.postgresql.snapshot import state_of
from io_connectors.postgresql.splitter import recheck
from tests.postgresql.planning import planned
from tests.postgresql.test_recheck import MAKE, execute
from tests.servers.postgres import DebianPostgres
from transforms.mapping.tables import TableChoices


@pytest.fixture(scope="module")
def dsn(debian_postgres: DebianPostgres) -> str:
    made = debian_postgres.create_database("named_states")
    execute(made, MAKE)
    return made


@contextmanager
def state(dsn: str, relation: str = "item", text: tuple[str, ...] | None = None) -> Iterator[str]:
    """The state's name, under a snapshot that is held."""
    keys = {"seen": ("id",)} if relation == "seen" else {}
    choices = TableChoices(keys=keys, text_columns={} if text is None else {relation: text})
    with planned(dsn, selection=Selection((relation,)), choices=choices) as found:
        yield state_of(found.connection, found.tables.reads, found.tables.digests())


def name_of(dsn: str) -> str:
    with state(dsn) as name:
        return name


def test_nothing_was_written(dsn: str) -> None:
    first = name_of(dsn)
    with psycopg.connect(dsn) as reader, state(dsn) as again:
        reader.execute("SELECT count(*) FROM item")
        assert first == again == name_of(dsn) != ""


@pytest.mark.parametrize(
    "written",
    [
        "UPDATE item SET v = 'other' WHERE id = 1",
        "DELETE FROM item WHERE id = 2",
        "INSERT INTO item VALUES (1000, 'added')",
        "COMMENT ON TABLE item IS 'words'",
        "VACUUM FULL item",
        "TRUNCATE item",
    ],
)
def test_something_was_written(dsn: str, written: str) -> None:
    before = name_of(dsn)
    execute(dsn, written)
    assert name_of(dsn) != before


def test_a_transaction_was_under_way(dsn: str) -> None:
    """It had its number before the first snapshot, and nobody has got one since."""
    with psycopg.connect(dsn) as writer:
        writer.execute("INSERT INTO item VALUES (2000, 'not yet seen')")
        before = name_of(dsn)
        assert name_of(dsn) == before
        writer.commit()
        assert name_of(dsn) != before


def test_mapped_otherwise(dsn: str) -> None:
    with state(dsn) as one, state(dsn, text=()) as other:
        assert one != other


def test_views_have_none(dsn: str) -> None:
    with state(dsn, "seen") as name:
        assert name == ""


def test_started_again(own_postgres: DebianPostgres) -> None:
    dsn = own_postgres.create_database("started_again")
    execute(dsn, MAKE)
    before = name_of(dsn)
    own_postgres.restart()
    assert name_of(dsn) != before


def test_recovered_from_a_crash(own_postgres: DebianPostgres) -> None:
    """The server lives on, but unlogged rows are gone, and so may be transactions."""
    dsn = own_postgres.create_database("crashed")
    execute(dsn, MAKE.replace("CREATE TABLE", "CREATE UNLOGGED TABLE"))
    before = name_of(dsn)
    with psycopg.connect(dsn) as session, pytest.raises(psycopg.OperationalError):
        os.kill(session.info.backend_pid, signal.SIGKILL)
        while True:
            session.execute("SELECT 1")
    assert name_of(dsn) != before
    with psycopg.connect(dsn) as session:
        assert session.execute("SELECT count(*) FROM item").fetchone() == (0,)


def test_standbys_have_none(own_postgres: DebianPostgres) -> None:
    dsn = own_postgres.create_database("standby")
    execute(dsn, MAKE)
    with psycopg.connect(dsn, autocommit=True) as session:
        [folder] = session.execute("SHOW data_directory").fetchone() or ()
        session.execute(sql.SQL("COPY (SELECT) TO {}").format(f"{folder}/standby.signal"))
    own_postgres.restart()
    assert name_of(dsn) == ""


def test_rows_are_counted_again_only_after_a_change(
    debian_postgres: DebianPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = debian_postgres.create_database("counted_again")
    execute(dsn, MAKE)
    counting = Mock(wraps=recheck)
    monkeypatch.setattr(pipelines.postgresql, "recheck", counting)
    command = ["--source", dsn, "--target", str(tmp_path / "store"), "--include", "item"]
    found = []
    for change in ("SELECT", "SELECT", "INSERT INTO item VALUES (101, 'added')", "SELECT"):
        execute(dsn, change)
        assert pipelines.postgresql.main([*command, "--parallel-workers", "1"]) == 0
        found.append(counting.call_count)
    assert found == [1, 1, 2, 2]
