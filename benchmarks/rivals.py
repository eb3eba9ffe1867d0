"""A migration beside what one would write without us: a loop of the driver, and dlt.

    pip install 'dlt[duckdb]' sqlalchemy    # no dependencies of the project
    python -m benchmarks.rivals [--rows 100000 1000000] [--rounds 1]

Each is a program of its own that reads the same source and makes the same memories, edges and lexical
vectors; only ours keeps dead letters and receipts, can go on where it stopped, finalizes and checks what
it wrote. They take turns. Times of one run may be compared with each other, not with another machine's:
see ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pipelines.quiet  # noqa: F401  # isort: skip
from benchmarks import database
from benchmarks.commands import WORKERS, command_name, run, scratch
from benchmarks.found import Found, in_duckdb, in_sqlite, in_store
from benchmarks.measuring import Cost, Server, best
from benchmarks.reporting import megabytes, table
from demo.server import running

_ROWS_OF_ONE_ROUND = 300_000
_LOOP, _DLT = "a loop of the driver → SQLite", "dlt → DuckDB"


@dataclass(frozen=True, slots=True)
class Filled:
    """A source with known records.

    Attributes:
        command: Our module that migrates it.
        loop: The module of the loop.
        dlt: The module that does it by dlt, if there is one.
        address: Its address.
        server: Its processes.
    """

    command: str
    loop: str
    dlt: str | None
    address: str
    server: Server


def main() -> None:
    options = _options()
    # Told to stop, it still takes its server down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with scratch(options.folder) as folder, _sources(options.rows, folder) as sources:
        for rows, source in sources:
            print(_compared(source, rows, options.rounds, folder), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the best counts")
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary folder)")
    return parser.parse_args()


@contextmanager
def _sources(sizes: Sequence[int], folder: Path) -> Iterator[Iterator[tuple[int, Filled]]]:
    with running(folder / "server") as dsn:
        yield ((rows, _postgresql(database.build(dsn, rows))) for rows in sizes)


def _postgresql(dsn: str) -> Filled:
    dlt = "benchmarks.loop_dlt" if importlib.util.find_spec("dlt") else None
    return Filled("pipelines.postgresql", "benchmarks.loop_postgresql", dlt, dsn, Server.of(dsn))


def _compared(source: Filled, rows: int, rounds: int, folder: Path) -> str:
    rounds = 1 if rows > _ROWS_OF_ONE_ROUND else rounds
    seen: dict[str, Found] = {}
    costs = [dict(_round(source, folder, seen)) for _ in range(rounds)]
    differing = [name for name, found in seen.items() if found != seen[command_name(1)]]
    if differing:
        raise SystemExit(f"{', '.join(differing)}: not the same memories as ours\n{seen}")
    cheapest = best(costs)
    ours = cheapest[command_name(1)]
    columns = ["client CPU s", "server CPU s", "wall s", "CPU ×", "wall ×", "peak", "on disk"]
    lines = {name: _line(cost, ours, seen[name].size) for name, cost in cheapest.items()}
    return table(f"{rows:,} rows, best of {rounds}", columns, lines)


def _round(source: Filled, folder: Path, seen: dict[str, Found]) -> Iterator[tuple[str, Cost]]:
    """Ours, the loop and dlt, in turn; what each left is looked at and removed."""
    for workers in WORKERS:
        name = command_name(workers)
        with scratch(folder) as store:
            arguments = ["--source", source.address, "--target", str(store)]
            arguments += ["--parallel-workers", str(workers)]
            yield name, _run([source.command, *arguments], source.server, folder)
            seen[name] = in_store(store)
    with scratch(folder) as out:
        file = out / "memories.sqlite"
        yield _LOOP, _run([source.loop, source.address, str(file)], source.server, folder)
        seen[_LOOP] = in_sqlite(file)
    if source.dlt:
        with scratch(folder) as out:
            yield _DLT, _run([source.dlt, source.address, str(out)], source.server, folder)
            seen[_DLT] = in_duckdb(out / "memories.duckdb")


def _run(arguments: Sequence[str], server: Server, folder: Path) -> Cost:
    return run(arguments, server, folder / "command.log", lambda: False)


def _line(cost: Cost, ours: Cost, size: int) -> list[str]:
    server = "–" if cost.server is None else f"{cost.server:.1f}"
    return [
        f"{cost.client:.1f}",
        server,
        f"{cost.wall:.1f}",
        f"{cost.client / ours.client:.2f}",
        f"{cost.wall / ours.wall:.2f}",
        megabytes(cost.peak),
        megabytes(size),
    ]


if __name__ == "__main__":
    main()
