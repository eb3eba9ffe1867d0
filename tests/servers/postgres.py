"""PostgreSQL for the tests: Debian's (contrib and XML, over TCP with passwords) and the wheel's (newer)."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
from pathlib import Path

import psycopg

from demo.server import Wheel
from tests.servers.child import ChildServer
from tests.servers.ports import free_port
from tests.servers.server import PostgresServer

_START_SECONDS = 60

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 50
shared_buffers = 64MB
timezone = 'UTC'
"""


def find_programs() -> Path | None:
    """The folder of the newest PostgreSQL server programs on this machine, or None."""
    versions = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if (p / "initdb").exists()]
    if versions:
        return max(versions, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class DebianPostgres(ChildServer, PostgresServer):
    """A server on a loopback port that asks everybody for a password.

    Root cannot run it, so root runs it as ``postgres`` or ``nobody``.

    Args:
        bin_dir: The folder of ``initdb``, ``postgres`` and ``psql``.
    """

    def __init__(self, bin_dir: Path) -> None:
        self._user = _server_user()
        # SIGINT ends sessions cleanly, SIGQUIT is as good as a crash.
        super().__init__(
            "PostgreSQL",
            start_seconds=_START_SECONDS,
            ends_by=signal.SIGINT,
            dies_by="INT",
            starts_with=_identity(self._user),
        )
        self.bin_dir = bin_dir
        self.port = free_port()
        self.passwords = {"postgres": secrets.token_urlsafe(12)}
        self._initialise()

    def dsn(self, dbname: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        """A URI over TCP; ``password`` may be a wrong one."""
        word = self.passwords[user] if password is None else password
        return f"postgresql://{user}:{word}@127.0.0.1:{self.port}/{dbname}"

    def set_password(self, user: str) -> None:
        """Gives a role a random password, known to ``dsn``."""
        self.passwords[user] = secrets.token_urlsafe(12)
        self.psql(f"ALTER ROLE \"{user}\" LOGIN PASSWORD '{self.passwords[user]}'")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _initialise(self) -> None:
        password = self._folder / "password"
        password.write_text(self.passwords["postgres"])
        if self._user:
            shutil.chown(self._folder, self._user)
            shutil.chown(password, self._user)
        flags = ("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "-N")
        initdb = str(self.bin_dir / "initdb")
        if self._run(initdb, "-D", str(self._data), f"--pwfile={password}", *flags).wait():
            raise RuntimeError(f"initdb failed: {self.log()}")
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(_CONFIGURATION.format(port=self.port, folder=self._folder))

    def _command(self) -> list[str]:
        return [str(self.bin_dir / "postgres"), "-D", str(self._data)]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


class WheelPostgres(PostgresServer):
    """The newer PostgreSQL of a Python package, on a unix socket, without passwords, contrib and XML.

    Args:
        folder: An empty folder with a short path.
    """

    def __init__(self, folder: Path) -> None:
        self._wheel = Wheel(folder)
        self.bin_dir = self._wheel.bin_dir

    def start(self) -> None:
        """Starts the server and returns once it answers."""
        self._wheel.start()

    def stop(self) -> None:
        """Stops the server."""
        self._wheel.stop()

    def dsn(self, dbname: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        """A URI over the unix socket; ``password`` is not asked for."""
        return self._wheel.dsn(dbname, user=user)


def _server_user() -> str | None:
    if os.geteuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _identity(user: str | None) -> dict[str, object]:
    """What starts a process as another user."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
