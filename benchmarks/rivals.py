"""A migration beside what one would write without us: a loop of the driver, and dlt.

    pip install 'dlt[duckdb]' sqlalchemy    # no dependencies of the project
    python -m benchmarks.rivals postgresql [--records 100000 1000000] [--rounds 1]
    python -m benchmarks.rivals neo4j      # a third of them nodes, the others relationships
    python -m benchmarks.rivals redis

Each is a program of its own that reads the same source and makes the same memories, edges and lexical
vectors; only ours keeps dead letters and receipts, can go on where it stopped, finalizes and checks what
it wrote. They take turns. Times of one run may be compared with each other, not with another machine's:
see ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pipelines.quiet  # noqa: F401  # isort: skip
import psutil

from benchmarks import database, graph, keyspace
from benchmarks.commands import WORKERS, command_name, run, scratch
from benchmarks.found import Found, Known, in_duckdb, in_sqlite, in_store
from benchmarks.measuring import Cost, Server, best
from benchmarks.reporting import megabytes, table
from demo.server import running
from pipelines.settings.load import PREFIX
from tests.servers.neo4j import Neo4jServer
from tests.servers.redis import RedisServer

_RECORDS_OF_ONE_ROUND = 300_000
#: What a table is about, and every line is divided by.
_OURS = command_name(1)


@dataclass(frozen=True, slots=True)
class Program:
    """What reads the source and makes memories, edges and vectors of it.

    Attributes:
        name: What it is called.
        arguments: What follows ``python -m``; where to write is added.
        file: What it makes in the folder that it may write to.
        found: Looks at that.
    """

    name: str
    arguments: Sequence[str]
    file: str
    found: Callable[[Path, Known], Found]


@dataclass(frozen=True, slots=True)
class Filled:
    """A source with known records.

    Attributes:
        programs: What migrates it, ours first.
        server: Its processes.
        known: One of the memories.
    """

    programs: Sequence[Program]
    server: Server
    known: Known


def main() -> None:
    options = _options()
    # Told to stop, it still takes its server down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with scratch(options.folder) as folder:
        for records in options.records:
            with _SOURCES[options.source](records, folder) as source:
                print(_compared(source, records, options.rounds, folder), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", choices=_SOURCES)
    parser.add_argument("--records", type=int, nargs="+", default=[100_000], help="sizes of the sources made")
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the best counts")
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary folder)")
    return parser.parse_args()


@contextmanager
def _postgresql(rows: int, folder: Path) -> Iterator[Filled]:
    with scratch(folder) as server, running(server) as at:
        dsn = database.build(at, rows)
        programs = [*_ours("pipelines.postgresql", dsn), _loop("benchmarks.loop_postgresql", dsn)]
        if importlib.util.find_spec("dlt"):
            arguments = ["benchmarks.loop_dlt", dsn]
            programs.append(Program("dlt → DuckDB", arguments, "memories.duckdb", in_duckdb))
        yield Filled(programs, Server.of(dsn), Known("posts", "posts_7"))


@contextmanager
def _neo4j(records: int, folder: Path) -> Iterator[Filled]:
    server = Neo4jServer()
    with scratch(folder) as files:
        graph.build(server, files, records // 3)
    with server:
        os.environ[f"{PREFIX}SOURCE_PASSWORD"] = server.password
        loop = _loop("benchmarks.loop_neo4j", server.url, server.user)
        programs = [*_ours("pipelines.neo4j", server.url), loop]
        # The import gives ids as its threads come by.
        [[element]] = server.run("MATCH (n:Person {id: '7'}) RETURN elementId(n)")
        known = Known("person", f"neo4j_node_{element.rpartition(':')[2]}")
        yield Filled(programs, Server(psutil.Process(server.pid)), known)


@contextmanager
def _redis(keys: int, _: Path) -> Iterator[Filled]:
    with RedisServer() as server:
        keyspace.fill_shop(server, keys)
        programs = [*_ours("pipelines.redis", server.url), _loop("benchmarks.loop_redis", server.url)]
        yield Filled(programs, Server(psutil.Process(server.pid)), Known("redis", "redis_user:7"))


_SOURCES: dict[str, Callable[[int, Path], AbstractContextManager[Filled]]] = {
    "postgresql": _postgresql,
    "neo4j": _neo4j,
    "redis": _redis,
}


def _ours(module: str, address: str) -> Iterator[Program]:
    for workers in WORKERS:
        for more, validated in (([], ""), (["--no-validate"], ", --no-validate")):
            arguments = [module, "--source", address, "--parallel-workers", str(workers), *more, "--target"]
            yield Program(command_name(workers) + validated, arguments, "store", in_store)


def _loop(*arguments: str) -> Program:
    return Program("a loop of the driver → SQLite", arguments, "memories.sqlite", in_sqlite)


def _compared(source: Filled, records: int, rounds: int, folder: Path) -> str:
    rounds = 1 if records > _RECORDS_OF_ONE_ROUND else rounds
    seen: dict[str, Found] = {}
    costs = [dict(_round(source, folder, seen)) for _ in range(rounds)]
    if differing := [name for name, found in seen.items() if found != seen[_OURS]]:
        raise SystemExit(f"{', '.join(differing)}: not the same memories as ours\n{seen}")
    cheapest = best(costs)
    columns = ["client CPU s", "server CPU s", "wall s", "CPU ×", "wall ×", "peak", "on disk"]
    lines = {name: _line(cost, cheapest[_OURS], seen[name].size) for name, cost in cheapest.items()}
    return table(f"{records:,} records, best of {rounds}", columns, lines)


def _round(source: Filled, folder: Path, seen: dict[str, Found]) -> Iterator[tuple[str, Cost]]:
    """All programs in turn; what each made is looked at and removed."""
    for program in source.programs:
        with scratch(folder) as out:
            made = out / program.file
            cost = run([*program.arguments, str(made)], source.server, folder / "command.log", lambda: False)
            yield program.name, cost
            seen[program.name] = program.found(made, source.known)


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
