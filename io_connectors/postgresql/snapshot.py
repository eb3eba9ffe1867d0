"""One state of the database for all readers: locked, exported, and held while they read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from engram_store.errors import PreflightError
from io_connectors.postgresql.catalogue import Catalogue, Table
from io_connectors.postgresql.session import Connection, translate

_LOCK_WAIT = "10s"


def check_rights(catalogue: Catalogue) -> None:
    """Refuses, in one message each, tables that the role may not read or would read in part.

    Raises:
        PreflightError: A right is missing, or row-level security would hide rows.
    """
    denied = [table for table in catalogue.tables if not table.readable]
    if denied:
        raise PreflightError(
            f"the reading role may not SELECT from {_names(denied)}",
            why="a migration that leaves tables out in silence would lose their rows",
            suggestion="grant the right, or leave the tables out",
            example=f"GRANT SELECT ON {_names(denied, '')} TO your_role;  -- or --exclude '{denied[0].name}'",
        )
    filtered = [table for table in catalogue.tables if table.filtered]
    if filtered:
        raise PreflightError(
            f"row-level security would hide rows of {_names(filtered)} from the reading role",
            why="its policies apply to this role, so only some rows would be migrated",
            suggestion="use a role with BYPASSRLS or the tables' owner, or leave the tables out",
            example=f"ALTER ROLE your_role BYPASSRLS;  -- or --exclude '{filtered[0].name}'",
        )


@contextmanager
def held_snapshot(connection: Connection, tables: Sequence[Table]) -> Iterator[str]:
    """Locks the tables against TRUNCATE and ALTER, exports a snapshot, and holds both.

    The locks (ACCESS SHARE, as ``pg_dump`` takes them) come before the snapshot: a table
    truncated in between would otherwise read as empty.

    Yields:
        The snapshot's name, good as long as the connection lives.

    Raises:
        PreflightError: A table is locked by another session.
    """
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        _lock(connection, tables)
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        yield row[0]
    finally:
        if not connection.closed:
            connection.close()


def _lock(connection: Connection, tables: Sequence[Table]) -> None:
    connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
    for table in tables:
        if table.relations and table.relations[0].kind in "mvf":
            continue
        name = sql.Identifier(table.name.schema, table.name.name)
        try:
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(name))
        except psycopg.errors.LockNotAvailable as error:
            raise PreflightError(
                f"`{table.name}` is locked by another session",
                why=f"ACCESS SHARE was not granted within {_LOCK_WAIT}; an ALTER, VACUUM FULL or an open"
                " transaction that touched the table's definition holds it",
                suggestion="wait for that session or end it, then run the same command again",
                example="SELECT pid, state, query FROM pg_stat_activity"
                f" WHERE pid IN (SELECT pid FROM pg_locks WHERE relation = '{table.name}'::regclass);",
            ) from error
        except psycopg.Error as error:
            raise translate(error, f"locking `{table.name}`") from error


def _names(tables: Sequence[Table], quote: str = "`") -> str:
    return ", ".join(f"{quote}{table.name}{quote}" for table in tables)
