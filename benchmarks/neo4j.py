"""What a migration from Neo4j costs, stage by stage and as a command, beside a bare driver's loop.

    python -m benchmarks.neo4j [--nodes 100000 1000000]

Needs the jars of ``scripts/setup-neo4j.sh``. A server is started, filled by ``database import``
with so many nodes and twice as many relationships, measured, and removed. Times of one run may
be compared with each other, not with another machine's: see ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pipelines.quiet  # noqa: F401  # isort: skip
import psutil

from benchmarks import graph, graph_stages
from benchmarks.commands import migrations, scratch
from benchmarks.graph_stages import KINDS, bare, mapped, read
from benchmarks.measuring import Costs, Measured, Server, Stopwatch, summed
from benchmarks.reporting import cost_table, side_by_side
from io_connectors.neo4j.graph import Graph, open_graph
from io_connectors.neo4j.session import Neo4jAddress
from io_connectors.secrets import SecretRef
from pipelines.settings.load import PREFIX
from tests.servers.neo4j import Neo4jServer

_PLAIN = "all, without Beam"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, nargs="+", default=[100_000], help="sizes of the graphs made")
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary folder)")
    options = parser.parse_args()
    # Told to stop, it still takes its server down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with scratch(options.folder) as folder:
        found = [_measure(nodes, folder) for nodes in options.nodes]
        if len(found) > 1:
            print(side_by_side(found[0], found[-1]), flush=True)


def _measure(nodes: int, folder: Path) -> Measured:
    with _filled(nodes, folder) as (server, opened):
        of_server, watch = Server(psutil.Process(server.pid)), Stopwatch(Server(psutil.Process(server.pid)))
        pages = len(graph_stages.plan_of(opened).pages)
        with scratch(folder) as store:
            graph_stages.measure(opened, store, watch)
        commands = migrations("pipelines.neo4j", server.url, pages, folder, of_server)
    costs = {**watch.costs, _PLAIN: summed(watch.costs, *graph_stages.WHOLE), **commands}
    measured = Measured(3 * nodes, costs)
    print(_tables(nodes, costs), flush=True)
    return measured


@contextmanager
def _filled(nodes: int, folder: Path) -> Iterator[tuple[Neo4jServer, Graph]]:
    server = Neo4jServer()
    with scratch(folder) as files:
        graph.build(server, files, nodes)
    with server:
        os.environ[f"{PREFIX}SOURCE_PASSWORD"] = server.password
        password = SecretRef(variable=f"{PREFIX}SOURCE_PASSWORD")
        with open_graph(Neo4jAddress.parse(server.url, server.user, password=password)) as opened:
            yield server, opened


def _tables(nodes: int, costs: Costs) -> str:
    """A table a kind, in µs a node or relationship; and one of the whole, in µs a record of either."""
    records = {kind: nodes * (1 + KINDS.index(kind)) for kind in KINDS}
    parts = [
        cost_table(
            f"{records[kind]:,} {kind}",
            records[kind],
            {name(kind): costs[name(kind)] for name in (bare, read, mapped)},
            {"× bare": costs[bare(kind)]},
        )
        for kind in KINDS
    ]
    of_one_kind = {name(kind) for kind in KINDS for name in (bare, read, mapped)}
    whole = {name: cost for name, cost in costs.items() if name not in of_one_kind}
    driver = summed(costs, *map(bare, KINDS))
    beside = {"× bare": driver, "× no Beam": costs[_PLAIN]}
    return "\n".join([*parts, cost_table(f"{3 * nodes:,} records", 3 * nodes, whole, beside)])


if __name__ == "__main__":
    main()
