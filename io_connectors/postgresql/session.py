"""Connections to PostgreSQL: how to reach it, a pinned session, and errors a person can act on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engram_store.errors import (
    ConfigurationError,
    MigrationError,
    PreflightError,
    SourceError,
    SourceTransientError,
)
from io_connectors.retry import retrying
from io_connectors.secrets import SecretRef

Connection = psycopg.Connection[tuple[Any, ...]]

#: The oldest server with TID range scans, without which pages cannot be read by position.
OLDEST_VERSION = 140000

# Text forms must not depend on the server's or the role's settings: ids, contents and
# fingerprints are made of them. With row_security off a policy is an error, never a silent loss.
_PINNED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "search_path": "pg_catalog, public",
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where a database is, without its password; safe to put into a pipeline graph.

    Attributes:
        conninfo: A libpq connection string without a password.
        password: Where the password is to be found, or None to leave it to libpq
            (``PGPASSWORD``, ``.pgpass``, peer authentication).
    """

    conninfo: str
    password: SecretRef | None = None

    @classmethod
    def parse(cls, source: str, password: SecretRef | None = None) -> PostgresAddress:
        """Reads a URI or key=value string; a password in it is moved out of sight.

        Raises:
            ConfigurationError: The string is not a libpq connection string.
        """
        try:
            parts = conninfo_to_dict(source)
        except psycopg.ProgrammingError:
            raise ConfigurationError(
                "`--source` is not a PostgreSQL connection string",
                why="libpq could not read it (it is not shown here, since it may hold a password)",
                suggestion="give a URI or key=value pairs; percent-encode special characters in a URI",
                example="--source postgresql://reader@localhost:5432/shop",
            ) from None
        inline = parts.pop("password", None)
        if inline is not None and password is None:
            password = SecretRef.keep("SOURCE_PASSWORD", str(inline))
        return cls(make_conninfo("", **parts), password)

    @property
    def display(self) -> str:
        """Host and database as shown to people."""
        parts = conninfo_to_dict(self.conninfo)
        host = parts.get("host") or os.environ.get("PGHOST") or "local socket"
        name = parts.get("dbname") or os.environ.get("PGDATABASE") or parts.get("user") or "default"
        port = f":{parts['port']}" if parts.get("port") else ""
        return f"postgresql://{host}{port}/{name}"


def connect(address: PostgresAddress, *, purpose: str) -> Connection:
    """Opens an autocommit connection with a pinned session, trying again while a server starts.

    Args:
        address: Where to connect.
        purpose: Shown in ``pg_stat_activity`` as ``engram-migrate: purpose``.

    Raises:
        SourceError: Refused, wrong password, no such database, or a server too old.
    """
    connection = retrying(lambda: _connect_once(address, purpose))
    if connection.info.server_version < OLDEST_VERSION:
        version = connection.info.server_version // 10000
        connection.close()
        raise PreflightError(
            f"`{address.display}` is PostgreSQL {version}",
            why="pages are read by their place in the table, which needs PostgreSQL 14 or later",
            suggestion="upgrade, or restore a dump into a newer server and migrate from there",
        )
    return connection


def _connect_once(address: PostgresAddress, purpose: str) -> Connection:
    extra: dict[str, Any] = {"application_name": f"engram-migrate: {purpose}", "client_encoding": "UTF8"}
    if address.password is not None:
        extra["password"] = address.password.resolve()
    if "connect_timeout" not in conninfo_to_dict(address.conninfo):
        extra["connect_timeout"] = 20
    try:
        connection = psycopg.connect(address.conninfo, autocommit=True, **extra)
        for name, value in _PINNED.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        return connection
    except psycopg.Error as error:
        raise translate(error, f"connecting to `{address.display}`") from error


def begin_snapshot(connection: Connection, snapshot: str) -> None:
    """Starts a read-only transaction on an exported snapshot.

    Raises:
        psycopg.Error: With sqlstate 22023 or 55000 when the snapshot is gone.
    """
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")


_CANNOT_CONNECT = {
    "28P01": "check the user and the password (`PGPASSWORD`, `.pgpass` or `--source-password-env NAME`)",
    "28000": "check the user, and what pg_hba.conf allows it",
    "3D000": "check the database's name; `psql -l` lists them",
    "53300": "free some connections, or lower `--parallel-workers`",
}

_READING = {
    "42501": ("a right is missing", "GRANT SELECT on it to the reading role, or leave it out by `--exclude`"),
    "55P03": ("a lock was not granted in time", "wait for the other session, or end it, and run again"),
    "57014": ("the statement was cancelled, or ran into a time limit", "run the same command again"),
    "40001": (
        "a standby removed rows that were still being read",
        "set hot_standby_feedback = on there, or read from the primary; then run the same command again",
    ),
    "22023": (
        "the snapshot is gone: the server restarted, or the coordinating connection was lost",
        "run the same command again; finished pages are kept and changed ones are read again",
    ),
}

# Faults of one row rather than of the connection or the right to read: bad bytes, a value too
# large to send, a value that a cast refuses.
_ROW_FAULTS = ("22", "XX000", "54000")


def is_row_fault(error: psycopg.Error) -> bool:
    """Whether reading fewer rows at a time can isolate this error to single rows."""
    state = error.sqlstate or ""
    return state != "22023" and state.startswith(_ROW_FAULTS)


def translate(error: psycopg.Error, doing: str) -> MigrationError:
    """The error tree's form of a psycopg error.

    Args:
        error: What psycopg raised.
        doing: What was being done, as in "reading `public.users`".
    """
    state = error.sqlstate
    text = str(error).strip().splitlines()
    cause = text[0] if text else type(error).__name__
    what = f"{doing} failed"
    if state in _CANNOT_CONNECT:
        return SourceError(what, why=cause, suggestion=_CANNOT_CONNECT[state])
    if state in _READING:
        why, suggestion = _READING[state]
        kind = SourceTransientError if state == "22023" else SourceError
        return kind(what, why=f"{why} ({cause})", suggestion=suggestion)
    if state is not None and not state.startswith(("57", "08")):
        return SourceError(what, why=f"{cause} (SQLSTATE {state})", suggestion="see the server's log")
    if state is None and any(hint in str(error) for hint in _FINAL_HINTS):
        return SourceError(what, why=cause, suggestion=_suggestion(str(error)))
    return SourceTransientError(
        what,
        why=cause,
        suggestion="check that the server runs and is reachable, then run the same command again",
    )


# psycopg gives connection refusals no sqlstate; the server's words are all there is.
_FINAL_HINTS = {
    "password authentication failed": _CANNOT_CONNECT["28P01"],
    "no password supplied": _CANNOT_CONNECT["28P01"],
    "does not exist": _CANNOT_CONNECT["3D000"],
    "no pg_hba.conf entry": _CANNOT_CONNECT["28000"],
    "Peer authentication failed": _CANNOT_CONNECT["28000"],
    "could not translate host name": "check the host's name",
    "failed to resolve host": "check the host's name",
    "Connection refused": "check host and port, and that the server runs and listens there",
    "No such file or directory": "check the socket's folder and port, and that the server runs",
}


def _suggestion(text: str) -> str:
    return next(advice for hint, advice in _FINAL_HINTS.items() if hint in text)
