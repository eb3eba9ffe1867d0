"""What every PostgreSQL server of the tests can do, whichever package its programs come from."""

from __future__ import annotations

import os
import re
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg import sql
from typing_extensions import Self

#: Lines by which a script makes and enters a database of its own; here the caller does that.
_OWN_DATABASE = re.compile(r"^(?:(?:DROP|CREATE) DATABASE .*|\\c .*)$", re.MULTILINE)


class PostgresServer(ABC):
    """A running server of our own; a context manager that starts and stops it."""

    bin_dir: Path

    @abstractmethod
    def start(self) -> None:
        """Starts the server and returns once it answers; the address is the same each time."""

    @abstractmethod
    def stop(self) -> None:
        """Stops the server as an administrator would, ending all sessions (``57P01``)."""

    @abstractmethod
    def dsn(self, dbname: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        """A connection URI; without ``password`` it is the one that lets this user in."""

    def restart(self) -> None:
        """Stops and starts the server: exported snapshots and sessions are lost, data is not."""
        self.stop()
        self.start()

    def connect(self, dbname: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """An autocommit connection of the superuser."""
        return psycopg.connect(self.dsn(dbname), autocommit=True)

    def query(self, query: str, dbname: str = "postgres") -> list[tuple[object, ...]]:
        """The rows of one statement, run by the superuser."""
        with self.connect(dbname) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def psql(self, script: str, dbname: str = "postgres") -> str:
        """Runs a script, which may hold COPY data, through ``psql``; the first error fails."""
        done = subprocess.run(
            [self.bin_dir / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.dsn(dbname)],
            input=script,
            env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"psql failed on `{dbname}`: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def create_database(self, name: str, script: str | Path = "", *, template: str = "template1") -> str:
        """Makes a database and returns its DSN.

        Args:
            name: The database's name.
            script: SQL text, or a file of it, to run in it.
            template: The database to copy; nobody may be connected to it.
        """
        text = script.read_text(encoding="utf-8") if isinstance(script, Path) else script
        with self.connect() as connection:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        if text:
            self.psql(_OWN_DATABASE.sub("", text), name)
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drops a database with the sessions that are still in it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
