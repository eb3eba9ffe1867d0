"""Connections to PostgreSQL: how to reach it, a pinned session, and errors a person can act on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engram_store.errors import (
    ConfigurationError,
    Interrupted,
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
    "quote_all_identifiers": "off",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    # Pages are cut in the order of a sequential scan, which is the order of places.
    "enable_seqscan": "on",
    "enable_tidscan": "on",
}

# One statement, and nothing for settings that this server does not have yet.
_PIN = (
    "SELECT set_config(known.name, pinned.value, false)"
    " FROM unnest(%s::text[], %s::text[]) AS pinned (name, value)"
    " JOIN pg_catalog.pg_settings AS known ON lower(known.name) = lower(pinned.name)"
)

# Secrets beside the password, which libpq takes from nowhere but the connection string.
_OTHER_SECRETS = ("sslpassword", "oauth_client_secret")


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
            ConfigurationError: The string is not a libpq connection string, or holds a secret
                that cannot be moved.
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
        _refuse_secrets(parts)
        conninfo = make_conninfo("", **parts)
        if inline is not None and password is None:
            password = SecretRef.keep(_secret_name(conninfo), str(inline))
        return cls(conninfo, password)

    @property
    def display(self) -> str:
        """Host and database as shown to people."""
        parts = conninfo_to_dict(self.conninfo)
        host = parts.get("host") or os.environ.get("PGHOST") or "local socket"
        name = parts.get("dbname") or os.environ.get("PGDATABASE") or parts.get("user") or "default"
        port = f":{parts['port']}" if parts.get("port") else ""
        return f"postgresql://{host}{port}/{name}"


def _refuse_secrets(parts: Mapping[str, object]) -> None:
    for name in _OTHER_SECRETS:
        if name in parts:
            raise ConfigurationError(
                f"`--source` holds `{name}`",
                why="it would travel with the pipeline, and show in its logs",
                suggestion="put it into a service file (`~/.pg_service.conf`) and name the service",
                example="--source service=shop",
            )


def _secret_name(conninfo: str) -> str:
    """One variable an address, so that two sources in one process keep their passwords apart."""
    return f"PASSWORD_{hashlib.blake2b(conninfo.encode(), digest_size=6).hexdigest().upper()}"


def connect(address: PostgresAddress, *, purpose: str) -> Connection:
    """Opens an autocommit connection with a pinned session, trying again while a server starts.

    Args:
        address: Where to connect.
        purpose: Shown in ``pg_stat_activity`` as ``engram-migrate: purpose``.

    Raises:
        SourceError: Refused, wrong password, no such database.
        PreflightError: The server is too old.
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
    connection = None
    try:
        connection = psycopg.connect(address.conninfo, autocommit=True, **extra)
        connection.execute(_PIN, (list(_PINNED), list(_PINNED.values())))
        return connection
    except psycopg.Error as error:
        if connection is not None:
            connection.close()
        raise translate(error, f"connecting to `{address.display}`") from error


def begin_snapshot(connection: Connection, snapshot: str) -> None:
    """Starts a read-only transaction on an exported snapshot.

    Raises:
        Interrupted: The snapshot is gone.
    """
    try:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
    except psycopg.Error as error:
        raise Interrupted(
            f"the snapshot `{snapshot}` that all pages are read in is gone",
            why=f"the server restarted, or the coordinating connection was lost ({_cause(error)})",
        ) from error


_CANNOT_CONNECT = {
    "28P01": "check the user and the password (`PGPASSWORD`, `.pgpass` or `--source-password-file FILE`)",
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
}

# Faults of one row rather than of the connection or the right to read: bad bytes, a value too
# large to send, a value that a cast refuses, a damaged one.
_ROW_FAULTS = ("22", "XX", "54000")


def is_row_fault(error: psycopg.Error) -> bool:
    """Whether reading fewer rows at a time can isolate this error to single rows."""
    return (error.sqlstate or "").startswith(_ROW_FAULTS)


def translate(error: psycopg.Error, doing: str) -> MigrationError:
    """The error tree's form of a psycopg error.

    Args:
        error: What psycopg raised.
        doing: What was being done, as in "reading `public.users`".
    """
    state = error.sqlstate
    cause = _cause(error)
    what = f"{doing} failed"
    if state in _CANNOT_CONNECT:
        return SourceError(what, why=cause, suggestion=_CANNOT_CONNECT[state])
    if state in _READING:
        why, suggestion = _READING[state]
        return SourceError(what, why=f"{why} ({cause})", suggestion=suggestion)
    if state is not None and not state.startswith(("57", "08")):
        return SourceError(what, why=f"{cause} (SQLSTATE {state})", suggestion="see the server's log")
    if state is None and any(hint in str(error) for hint in _FINAL_HINTS):
        return SourceError(what, why=cause, suggestion=_suggestion(str(error)))
    return SourceTransientError(
        what,
        why=cause,
        suggestion="check that the server runs and is reachable",
    )


def _cause(error: psycopg.Error) -> str:
    """The first line, which names the fault; all of them where it only announces a list."""
    first, *rest = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join([first, *rest]) if first.endswith(":") else first


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
    "connection is bad: invalid": "correct that part of the connection string",
    "bad value for": "correct that part of the connection string",
}


def _suggestion(text: str) -> str:
    return next(advice for hint, advice in _FINAL_HINTS.items() if hint in text)
