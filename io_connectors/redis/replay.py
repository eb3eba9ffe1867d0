"""Replaying append-only files: a server of our own carries the commands out, and saves a dump.

Commands such as INCR, COPY or XADD mean what the server does, so a server does it: without a
network port, on a socket in a private folder, on links to the user's files, which it only reads. It
is told not to expire anything, so that keys whose time is over come into the dump, and are counted.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engram_store.errors import ConfigurationError, PreflightError, SourceError
from io_connectors.redis.aof_files import AppendOnly

_log = logging.getLogger(__name__)

_OLDEST = 7
_START_SECONDS = 30
_NAME = "appendonly.aof"

#: More than anyone has; a SELECT of a further one is noticed.
_DATABASES = 16_384

#: How warnings begin that say nothing of the files.
_USUAL = ("oO0", "Redis version", "Valkey version", "Configuration loaded", "Server initialized", "WARNING")

#: What a warning has in it, in lower case: servers differ → what to do about it.
_SUGGESTIONS = {
    "critical": "find out why, or leave out what the server refuses: --salvage",
    "rdb format version": "put a redis-server on PATH as new as the one that wrote the file",
    "unexpected end of file": "copy the files again, or leave out the command that is cut off: --salvage",
    "no space left": "free some room where temporary files lie, or name another folder by TMPDIR",
    "unknown command": "put a server on PATH as new as the one that wrote the file, with its modules;"
    " or dump and give --use-rdb",
}
_REPAIR = "repair a copy by redis-check-aof --fix, which tells what it cuts off, and migrate that"

#: Commands that reach beyond the keys. A file may hold any, and a server that loads it carries them out.
_BEYOND_DATA = (
    *("ACL", "BGREWRITEAOF", "BGSAVE", "CONFIG", "DEBUG", "FAILOVER", "MIGRATE", "MODULE", "MONITOR"),
    *("PSYNC", "REPLICAOF", "SAVE", "SHUTDOWN", "SLAVEOF", "SYNC"),
)

_CONFIGURATION = f"""
port 0
unixsocket {{folder}}/socket
unixsocketperm 700
dir {{folder}}
dbfilename replayed.rdb
logfile {{folder}}/log
loglevel warning
save ""
appendonly no
appenddirname files
appendfilename {_NAME}
aof-load-truncated {{truncated}}
enable-debug-command yes
databases {_DATABASES}
daemonize no
"""


def replay(source: AppendOnly, folder: Path, salvage: bool) -> tuple[Path, tuple[str, ...]]:
    """Replays append-only files.

    Args:
        source: The files; they are not changed.
        folder: A private folder, empty, with a short path.
        salvage: Whether a command that is cut off at the end of the last file is left out.

    Returns:
        The dump, and what is to be said about it.

    Raises:
        SourceError: The files are damaged, or the server does not know what is in them.
        ConfigurationError: There is no server to replay them, or an old one.
        PreflightError: The folder's disk is too small.
    """
    program = _program()
    _check_room(source, folder, salvage)
    last = _link(source, folder / "files", salvage)
    before = last.stat().st_size
    ours = secrets.token_hex(8)
    renamed = "".join(f"rename-command {name} {name}-{ours}\n" for name in _BEYOND_DATA)
    configuration = _CONFIGURATION.format(folder=folder, truncated="yes" if salvage else "no")
    (folder / "redis.conf").write_text(configuration + renamed)
    _log.info("replaying %.1f MB of `%s`", source.bytes / 1e6, source.path)
    try:
        try:
            refused = _carry_out(program, folder, ours)
        except redis.RedisError:
            # A server that has cut off the last file ends with an error; the next one has none to find.
            if last.stat().st_size == before:
                raise
            refused = _carry_out(program, folder, ours)
    except redis.RedisError as error:
        raise _failure(source, folder, str(error)) from error
    if refused and not salvage:
        raise _failure(source, folder, "the server refused a command")
    return folder / "replayed.rdb", tuple(_lost(refused, before - last.stat().st_size))


def _carry_out(program: str, folder: Path, ours: str) -> int:
    """Lets a server carry all commands out and save; gives the number of those that it refused.

    Commands that reach beyond the keys have names that end in ``ours``, which no file can know.
    """
    with _server(program, folder) as client:
        client.execute_command(f"DEBUG-{ours}", "SET-ACTIVE-EXPIRE", "0")
        client.execute_command(f"DEBUG-{ours}", "LOADAOF")
        refused = int(client.execute_command("INFO", "stats")["unexpected_error_replies"])
        client.execute_command(f"SAVE-{ours}")
    return refused


def _lost(commands: int, size: int) -> Iterator[str]:
    if size:
        yield f"salvaged: the last {size:,} bytes, a command that was cut off, could not be replayed"
    if commands:
        yield f"salvaged: {commands:,} commands that the server refused were left out"


def _program() -> str:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise ConfigurationError(
            "`--use-aof` needs a server to replay the commands, and there is none on PATH",
            why="neither redis-server nor valkey-server was found",
            suggestion="install one (it need not run), or save a dump on the server and give --use-rdb",
            example="apt-get install redis-server",
        )
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"v=(\d+)", shown)
    if version is None or int(version[1]) < _OLDEST:
        raise ConfigurationError(
            f"`{program}` is too old to replay append-only files",
            why=f"it says `{shown.strip()}`, and version {_OLDEST} or newer is needed",
            suggestion="put a newer redis-server or valkey-server on PATH",
        )
    return program


def _check_room(source: AppendOnly, folder: Path, salvage: bool) -> None:
    """A dump is about as large as the one that the files begin with; what comes later may make it smaller."""
    need = source.dump_bytes + (source.files[-1].stat().st_size if salvage else 0)
    free = shutil.disk_usage(folder).free
    if need > free:
        raise PreflightError(
            f"the disk of `{folder.parent}` is too small to replay `{source.path}`",
            why=f"a dump of about {need / 1e9:.1f} GB is made there, and {free / 1e9:.1f} GB are free",
            suggestion="free some room, or name a folder on a larger disk",
            example="TMPDIR=/data/tmp",
        )


def _link(source: AppendOnly, folder: Path, salvage: bool) -> Path:
    """Links the files, the last one copied if need be, beside a manifest of our own; gives the last one."""
    folder.mkdir()
    lines = []
    for number, (name, file) in enumerate(_links(source)):
        link = folder / name
        # To salvage a file, the server cuts it off.
        if salvage and file is source.files[-1]:
            shutil.copyfile(file, link)
        else:
            link.symlink_to(file)
        lines.append(f"file {name} seq {max(1, number)} type {'i' if number else 'b'}\n")
    (folder / f"{_NAME}.manifest").write_text("".join(lines))
    return link


def _links(source: AppendOnly) -> list[tuple[str, Path]]:
    """The files, with names that the server's manifest can hold."""
    return [(f"{number}.part", file) for number, file in enumerate(source.files)]


@contextmanager
def _server(program: str, folder: Path) -> Iterator[redis.Redis]:
    setpriv = shutil.which("setpriv")
    # It must not outlive us, even if we are killed.
    with_us = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
    process = subprocess.Popen(
        [*with_us, program, str(folder / "redis.conf")],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with redis.Redis(unix_socket_path=str(folder / "socket"), retry=Retry(NoBackoff(), 0)) as client:
            _wait(client, process, folder)
            yield client
    finally:
        process.kill()
        process.wait()


def _wait(client: redis.Redis, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ConfigurationError(
                    "the server that should replay append-only files does not start",
                    why=_last_words(folder),
                    suggestion="see whether it starts by hand",
                    example="redis-server --port 0",
                ) from None
        time.sleep(0.02)


def _failure(source: AppendOnly, folder: Path, answer: str) -> SourceError:
    words = _last_words(folder) or answer
    for link, file in _links(source):
        words = words.replace(f" {link}", f" {file.name}")
    suggestion = next((told for cause, told in _SUGGESTIONS.items() if cause in words.lower()), _REPAIR)
    return SourceError(f"`{source.path}` cannot be replayed", why=words, suggestion=suggestion)


def _last_words(folder: Path) -> str:
    """What the server's log says of its failure."""
    log = folder / "log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    warnings = [line.partition(" # ")[2] for line in lines]
    told = [line for line in warnings if line and not line.startswith(_USUAL)]
    return "; ".join(line.partition(". You can: ")[0] for line in told[:2])
