"""The servers of the tests themselves: they start, ask for passwords, restart, and hold the samples whole."""

from __future__ import annotations

import signal
from collections.abc import Callable

import psycopg
import pytest
import redis
from psycopg import sql

from tests.servers.postgres import DebianPostgres, WheelPostgres
from tests.servers.redis import RedisServer
from tests.servers.samples import READER, SAMPLE_NAMES, SampleDatabases


def _count(connection: psycopg.Connection[tuple[object, ...]], table: str, kind: str) -> object:
    schema, name = table.split(".", 1)
    only = "" if kind == "p" else "ONLY"  # a partitioned table has no rows of its own
    query = sql.SQL(f"SELECT count(*) FROM {only} {{}}").format(sql.Identifier(schema, name))
    row = connection.execute(query).fetchone()
    return row and row[0]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_sample_has_every_row_that_is_known_of_it(sample_database: SampleDatabases, name: str) -> None:
    tables = sample_database.truth[name]["tables"]
    with psycopg.connect(sample_database(name)) as connection:
        counted = {table: _count(connection, table, known["kind"]) for table, known in tables.items()}
    assert counted == {table: known["rows_only"] for table, known in tables.items()}


def test_copy_of_a_sample_is_apart_from_it(
    sample_database: SampleDatabases, sample_copy: Callable[[str], str]
) -> None:
    with psycopg.connect(sample_copy("iso3166")) as connection:
        connection.execute("DELETE FROM subcountry")
    with psycopg.connect(sample_database("iso3166")) as connection:
        assert _count(connection, "public.subcountry", "r") == 3995


def test_wrong_password_is_refused(debian_postgres: DebianPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(debian_postgres.dsn(password="wrong"))


def test_reader_is_denied_one_table(sample_database: SampleDatabases) -> None:
    sample_database("torture")
    dsn = sample_database.server.dsn("torture", user=READER)
    with psycopg.connect(dsn) as connection:
        assert _count(connection, "app.usr", "r") == 3
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _count(connection, "app.denied", "r")


def test_restart_keeps_address_and_data(own_postgres: DebianPostgres) -> None:
    dsn = own_postgres.create_database("kept", "CREATE TABLE t AS SELECT 1 AS one")
    before = own_postgres.pid
    own_postgres.restart()
    assert own_postgres.pid != before
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT one FROM t").fetchall() == [(1,)]


def test_stopped_and_crashed_server_does_not_answer(own_postgres: DebianPostgres) -> None:
    own_postgres.stop(signal.SIGQUIT)
    with pytest.raises(psycopg.OperationalError):
        own_postgres.connect()
    with pytest.raises(LookupError):
        _ = own_postgres.pid
    own_postgres.start()
    assert own_postgres.query("SELECT 1") == [(1,)]


def test_server_ends_with_its_open_sessions(own_postgres: DebianPostgres) -> None:
    session = own_postgres.connect()
    own_postgres.stop()
    with pytest.raises(psycopg.errors.AdminShutdown):
        session.execute("SELECT 1")


def test_failing_script_is_an_error(debian_postgres: DebianPostgres) -> None:
    with pytest.raises(RuntimeError, match="no_such_table"):
        debian_postgres.psql("SELECT * FROM no_such_table")


def test_wheel_is_newer_and_restarts(wheel_postgres: WheelPostgres) -> None:
    wheel_postgres.create_database("kept", "CREATE TABLE t AS SELECT 1 AS one")
    wheel_postgres.restart()
    assert wheel_postgres.query("SELECT one FROM t", "kept") == [(1,)]
    assert wheel_postgres.query("SELECT current_setting('server_version_num')::int >= 180000") == [(True,)]
    wheel_postgres.drop_database("kept")


def test_redis_keeps_what_was_saved_and_loses_the_rest(own_redis: RedisServer) -> None:
    own_redis.client(3).set("saved", "yes")
    assert own_redis.save().read_bytes().startswith(b"REDIS")
    own_redis.client(3).set("saved", "no")
    before = own_redis.pid
    own_redis.restart(signal.SIGKILL)
    assert own_redis.pid != before
    assert own_redis.client(3).get("saved") == b"yes"
    with redis.Redis.from_url(f"{own_redis.url}/3") as client:
        assert client.dbsize() == 1


def test_stopped_redis_does_not_answer(own_redis: RedisServer) -> None:
    own_redis.stop()
    with pytest.raises(redis.ConnectionError):
        own_redis.client().ping()
    with pytest.raises(LookupError):
        _ = own_redis.pid


@pytest.mark.usefixtures("redis_server")
def test_redis_that_does_not_start_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="Redis did not start"), RedisServer(["no-such-setting yes"]):
        pass
