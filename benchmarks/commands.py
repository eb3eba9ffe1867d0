"""What a command costs with all the processes that it starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from benchmarks.measuring import Cost, Costs, Server

_LOOK_EVERY = 0.1
_LAST_LINES = 20


#: Numbers of workers that are measured.
WORKERS = (1, 2)


@contextmanager
def scratch(parent: Path | None) -> Iterator[Path]:
    """A folder that is gone at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="engram-benchmark-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def migrations(module: str, source: str, pages: int, folder: Path, server: Server) -> Costs:
    """What the command of a source costs, with each number of workers.

    Args:
        module: What follows ``python -m``.
        source: The source's address.
        pages: Pages of its plan.
        folder: Where the stores are made.
        server: The database server.
    """
    costs = {}
    for workers in WORKERS:
        with scratch(folder) as store:
            arguments = [module, "--source", source, "--target", str(store)]
            arguments += ["--parallel-workers", str(workers)]
            left = partial(pages_left, store, pages)
            costs[command_name(workers)] = run(arguments, server, folder / "command.log", left)
    return costs


def command_name(workers: int) -> str:
    """What the cost of a command with so many workers is called."""
    return f"the command, {workers} worker{'s' if workers > 1 else ''}"


def pages_left(store: Path, pages: int) -> bool:
    """Whether a store has fewer pages than planned."""
    return sum(1 for _ in store.glob("runs/*/memories/[!.]*.parquet")) < pages


def run(arguments: Sequence[str], server: Server, log: Path, flowing: Callable[[], bool]) -> Cost:
    """Runs ``python -m …`` to its end.

    Args:
        arguments: What follows ``python -m``.
        server: The database server that the command uses.
        log: Where its output goes.
        flowing: Whether pages are still being read and written.

    Returns:
        Its cost. The peak is the largest sum of the resident sets of all its processes, looked
        at ten times a second; what they share counts in each.

    Raises:
        SystemExit: The command failed.
    """
    begun, before = time.perf_counter(), server.cpu()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=output, stderr=subprocess.STDOUT
        )
        try:
            cpu, peak, peak_flowing = _follow(process, flowing)
        finally:
            if process.returncode is None:
                process.terminate()
    wall, after = time.perf_counter() - begun, server.cpu()
    if process.returncode:
        last = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        raise SystemExit("\n".join([f"`python -m {arguments[0]}` failed:", *last]))
    spent = None if before is None or after is None else after - before
    return Cost(cpu, spent, wall, peak, peak_flowing)


def _follow(process: subprocess.Popen[bytes], flowing: Callable[[], bool]) -> tuple[float, int, int]:
    """Processor seconds of the process and the children it waited for, and their peaks of memory."""
    root, peak, peak_flowing = psutil.Process(process.pid), 0, 0
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime, peak, peak_flowing
        resident = _resident(root)
        peak = max(peak, resident)
        if flowing():
            peak_flowing = max(peak_flowing, resident)
        time.sleep(_LOOK_EVERY)


def _resident(root: psutil.Process) -> int:
    total = 0
    for process in _family(root):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _family(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
