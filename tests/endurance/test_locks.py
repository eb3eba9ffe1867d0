"""One writer at a time, refused by name; readers at any time; the lock of a dead process holds nobody up."""

from __future__ import annotations

import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endurance.conftest import PAGE
from tests.pipelines.command import Started, start, stopped, until, verb
from tests.pipelines.stored import Stored, only_run, page_files, stored
from tests.redis.migrations import migrate, start_migration

pytestmark = pytest.mark.endurance

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def _started(target: Path, *flags: str | Path) -> Started:
    process = start_migration(target, *flags)
    until(lambda: len(page_files(target)) > 10 or not process.running())
    return process


def _serve(target: Path) -> tuple[str, ...]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return ("pipelines", "serve", str(target), "--port", str(free.getsockname()[1]))


def test_while_a_migration_writes(dump: Path, undisturbed: Callable[[], Stored], target: Path) -> None:
    first = _started(target, "--use-rdb", dump, *PAGE)
    # It has to outlast three other commands.
    first.signal(signal.SIGSTOP)
    holder = f"in use by process {first.family.pid}"
    migrate(target, "--use-rdb", dump, *PAGE).failed(4, holder)
    verb("finalize", "--target", str(target)).failed(4, holder)
    verb("undo", only_run(target).id, "--target", str(target)).failed(4, holder)
    start(*_serve(target)).end(60).failed(4, holder)
    # Readers are let in.
    told = verb("status", "--target", str(target))
    told.succeeded()
    verb("spaces", "--target", str(target)).failed(4, "has nothing to read yet")
    first.signal(signal.SIGCONT)
    first.end().succeeded()
    assert stored(target).differences(undisturbed()) == []


def test_while_a_server_serves(dump: Path, target: Path) -> None:
    migrate(target, "--use-rdb", dump, *PAGE).succeeded()
    command = _serve(target)
    server = start(*command)

    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", int(command[-1]))) == 0

    until(lambda: answers() or not server.running())
    migrate(target, "--use-rdb", dump, *PAGE).failed(4, f"in use by process {server.family.pid}")
    verb("spaces", "--target", str(target)).succeeded()
    stopped(server, signal.SIGKILL)
    migrate(target, "--use-rdb", dump, *PAGE).succeeded()


def test_dead_process_holds_nobody_up(dump: Path, undisturbed: Callable[[], Stored], target: Path) -> None:
    stopped(_started(target, "--use-rdb", dump, *PAGE), signal.SIGKILL)
    assert (target / "LOCK").read_text()
    # Its number may belong to somebody else by now.
    (target / "LOCK").write_text("1")
    migrate(target, "--use-rdb", dump, *PAGE).succeeded()
    assert stored(target).differences(undisturbed()) == []


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("how", _SIGNALS)
def test_told_to_stop_twice(
    dump: Path, undisturbed: Callable[[], Stored], target: Path, how: signal.Signals, workers: str
) -> None:
    process = _started(target, "--use-rdb", dump, *PAGE, "--parallel-workers", workers)
    process.signal(how)
    ended = stopped(process, how)
    # The second may come when all is said, and the process about to end.
    assert ended.code in (130 if how == signal.SIGINT else 75, -how), ended
    assert "run the same command again" in ended.err and "Traceback" not in ended.err
    migrate(target, "--use-rdb", dump, *PAGE).succeeded()
    assert stored(target).differences(undisturbed()) == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_few_open_files(dump: Path, undisturbed: Callable[[], Stored], target: Path, workers: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    try:
        process = start_migration(target, "--use-rdb", dump, *PAGE, "--parallel-workers", workers)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    process.end().succeeded()
    assert stored(target).differences(undisturbed()) == []
