"""What a command costs with all the processes that it starts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.following import Sample, follow
from benchmarks.measuring import Cost, Costs, Server

_LAST_LINES = 20


#: Numbers of workers that are measured.
WORKERS = (1, 2)


@contextmanager
def scratch(parent: Path | None) -> Iterator[Path]:
    """A folder that is gone at the end of the block."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
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
    return pages_written(store) < pages


def pages_written(store: Path) -> int:
    """Pages of a store that are acknowledged."""
    return sum(1 for _ in store.glob("runs/*/memories/[!.]*.parquet"))


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
    peak = peak_flowing = 0

    def look(sample: Sample) -> None:
        nonlocal peak, peak_flowing
        peak = max(peak, sample.resident)
        if flowing():
            peak_flowing = max(peak_flowing, sample.resident)

    cpu = followed(arguments, log, look)
    wall, after = time.perf_counter() - begun, server.cpu()
    spent = None if before is None or after is None else after - before
    return Cost(cpu, spent, wall, peak, peak_flowing)


def followed(
    arguments: Sequence[str], log: Path, look: Callable[[Sample], None], every: float = 0.1
) -> float:
    """Runs ``python -m …`` to its end, and looks at it meanwhile.

    Args:
        arguments: What follows ``python -m``.
        log: Where its output goes.
        look: Called with each sample.
        every: Seconds between two samples.

    Returns:
        Processor seconds of all its processes.

    Raises:
        SystemExit: The command failed.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=output, stderr=subprocess.STDOUT
        )
        try:
            cpu = follow(process, look, every)
        finally:
            if process.returncode is None:
                process.terminate()
    if process.returncode:
        last = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        raise SystemExit("\n".join([f"`python -m {arguments[0]}` failed:", *last]))
    return cpu
