"""One state of the database for all readers: locked, exported, held while they read, and named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from engram_store.errors import PreflightError
from io_connectors.postgresql.catalogue import Catalogue, Table, TableName
from io_connectors.postgresql.reads import TableRead
from io_connectors.postgresql.session import Connection, translate


def check_rights(catalogue: Catalogue) -> None:
    """Refuses, in one message each, tables that the role may not read or would read in part.

    Raises:
        PreflightError: A right is missing, or row-level security would hide rows.
    """
    denied = [name for table in catalogue.tables for name in table.denied]
    if denied:
        raise PreflightError(
            f"the reading role may not SELECT from {_shown(denied)}",
            why="a migration that leaves tables out in silence would lose their rows",
            suggestion="grant the right, and USAGE on the schema, or leave the tables out by `--exclude`",
            example=f"GRANT SELECT ON {', '.join(map(_sql_name, denied))} TO your_role;",
        )
    filtered = [table.name for table in catalogue.tables if table.filtered]
    if filtered:
        raise PreflightError(
            f"row-level security would hide rows of {_shown(filtered)} from the reading role",
            why="its policies apply to this role, so only some rows would be migrated",
            suggestion="use a role with BYPASSRLS or the tables' owner, or leave the tables out",
            example=f"ALTER ROLE your_role BYPASSRLS;  -- or --exclude '{filtered[0]}'",
        )


# A server that was started again may have been restored meanwhile; one that recovered from a crash
# without ending, which may have lost transactions and unlogged rows, resets its statistics.
_STATE = """
SELECT pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_bgwriter), current_database(),
    pg_current_snapshot()::text
WHERE NOT pg_is_in_recovery()
"""


@contextmanager
def held_snapshot(connection: Connection, tables: Sequence[Table], lock_seconds: float = 10) -> Iterator[str]:
    """Locks the tables against TRUNCATE and ALTER, exports a snapshot, and holds both.

    The locks (ACCESS SHARE, as ``pg_dump`` takes them) come before the snapshot: a table
    truncated in between would otherwise read as empty.

    Args:
        connection: Open, and closed at the end.
        tables: What will be read.
        lock_seconds: How long to wait for each lock.

    Yields:
        The snapshot's name, good as long as the connection lives.

    Raises:
        PreflightError: A table is locked by another session.
    """
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        connection.execute(f"SET LOCAL lock_timeout = {round(lock_seconds * 1000)}")
        for table in tables:
            _lock(connection, table, lock_seconds)
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        yield row[0]
    finally:
        if not connection.closed:
            connection.close()


def state_of(connection: Connection, reads: Sequence[TableRead], mapping: Mapping[str, str]) -> str:
    """Names the state that a held snapshot shows: whatever is counted in it is the same under the same name.

    Which rows a snapshot shows is decided by the transactions that it counts as ended, and it counts
    the same ones until any transaction anywhere in the server has written something. So a server in
    which nothing was written need not count its rows again.

    Args:
        connection: In the transaction that holds the snapshot.
        reads: What is counted.
        mapping: For each part of the source, a digest of what decides how it is counted.

    Returns:
        A digest; empty where none would do: views and foreign tables change with no transaction of
        this server, and a standby's snapshots leave out which transactions are under way.
    """
    if not all(read.by_place for read in reads):
        return ""
    row = connection.execute(_STATE).fetchone()
    if row is None:
        return ""
    return hashlib.blake2b(repr((row, sorted(mapping.items()))).encode(), digest_size=16).hexdigest()


def _lock(connection: Connection, table: Table, seconds: float) -> None:
    if table.relations and table.relations[0].kind in "mvf":
        return
    try:
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(_identifier(table.name)))
    except psycopg.errors.LockNotAvailable as error:
        raise locked([table.name], seconds) from error
    except psycopg.Error as error:
        raise translate(error, f"locking `{table.name}`") from error


def locked(names: Sequence[TableName], seconds: float) -> PreflightError:
    """The error for tables that another session keeps from being read.

    Args:
        names: The tables; none if the other session has let go meanwhile.
        seconds: How long was waited.
    """
    return PreflightError(
        f"{_shown(names) or 'a table'} is locked by another session",
        why=f"ACCESS SHARE was not granted within {seconds:g} s; an ALTER, VACUUM FULL or an open"
        " transaction that touched the table's definition holds it",
        suggestion="wait for that session or end it, then run the same command again",
        example="SELECT pid, state, query FROM pg_stat_activity WHERE pid IN"
        " (SELECT pid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted);",
    )


def _shown(names: Sequence[TableName]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _sql_name(name: TableName) -> str:
    return _identifier(name).as_string(None)


def _identifier(name: TableName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.name)
