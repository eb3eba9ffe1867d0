"""What a migration from PostgreSQL costs, stage by stage and as a command, beside raw COPY.

    python -m benchmarks.postgresql [--rows 100000 1000000] [--rounds 3]
    python -m benchmarks.postgresql --source postgresql://reader@localhost/shop

Without a source, a PostgreSQL from a Python package is started, filled, measured and removed.
Times of one run may be compared with each other, not with another machine's: see
``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pipelines.quiet  # noqa: F401  # isort: skip
from benchmarks import database, fetching, page_formats, stages
from benchmarks.commands import WORKERS, command_name, migrations, scratch
from benchmarks.measuring import Costs, Measured, Server, Stopwatch, best, spread, summed
from benchmarks.reporting import cost_table, side_by_side
from demo.server import running

#: More rows than these are measured once: what disturbs averages out, and a round takes minutes.
_ROWS_OF_ONE_ROUND = 300_000

_LOOP_SUM = "read to write, plain loop"
_PLAIN = "all, without Beam"


def main() -> None:
    options = _options()
    # Told to stop, it still takes its server down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with scratch(options.folder) as folder:
        with _databases(options, folder) as databases:
            found = [_measure(dsn, folder, options.rounds) for dsn in databases]
        if len(found) > 1:
            _say(side_by_side(found[0], found[-1]))
        _say(_page_formats(folder, options.rounds))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--rows", type=int, nargs="+", default=[100_000], help="sizes of the databases made")
    what.add_argument("--source", help="measure this database as it is")
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the best counts")
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary folder)")
    return parser.parse_args()


@contextmanager
def _databases(options: argparse.Namespace, folder: Path) -> Iterator[Iterator[str]]:
    """The databases to measure, each made when it is asked for."""
    if options.source:
        yield iter([options.source])
        return
    with running(folder / "server") as dsn:
        yield (database.build(dsn, rows) for rows in options.rows)


def _measure(dsn: str, folder: Path, rounds: int) -> Measured:
    server = Server.of(dsn)
    with stages.opened(dsn) as opened:
        plan = opened.plan(opened.cut())
    rows, pages = plan.rows, len(plan.pages)
    rounds = 1 if rows > _ROWS_OF_ONE_ROUND else rounds
    costs = [
        {**_stages(dsn, folder, server), **migrations("pipelines.postgresql", dsn, pages, folder, server)}
        for _ in range(rounds)
    ]
    measured = Measured(rows, best(costs))
    _say(_stage_table(measured, costs))
    _say(_fetch_table(rows, best([_fetches(dsn, server) for _ in range(rounds)])))
    return measured


def _stages(dsn: str, folder: Path, server: Server) -> Costs:
    watch = Stopwatch(server)
    with stages.opened(dsn) as opened, scratch(folder) as store:
        stages.measure(opened, store, watch)
    costs = watch.costs
    return {**costs, _LOOP_SUM: summed(costs, *stages.LOOP), _PLAIN: summed(costs, *stages.WHOLE)}


def _fetches(dsn: str, server: Server) -> Costs:
    watch = Stopwatch(server)
    with stages.opened(dsn) as opened:
        fetching.measure(opened, opened.plan(opened.cut()), watch)
    return watch.costs


def _stage_table(measured: Measured, rounds: Sequence[Costs]) -> str:
    title = f"{measured.rows:,} rows, best of {len(rounds)}"
    beside = {"× COPY": measured.costs[stages.COPY], "× no Beam": measured.costs[_PLAIN]}
    text = cost_table(title, measured.rows, measured.costs, beside)
    if len(rounds) > 1:
        spreads = [f"{name} {spread(rounds, name):.0%}" for name in (_PLAIN, *map(command_name, WORKERS))]
        text += f"The worst round took more processor time than the best by: {'; '.join(spreads)}.\n"
    return text


def _fetch_table(rows: int, costs: Costs) -> str:
    first = next(iter(costs.values()))
    return cost_table(f"{rows:,} rows fetched", rows, costs, {"× first": first})


def _page_formats(folder: Path, rounds: int) -> str:
    costs = []
    for _ in range(rounds):
        watch = Stopwatch(Server(None))
        sizes = page_formats.measure(folder, watch)
        costs.append(watch.costs)
    records = page_formats.PAGES * page_formats.PAGE_ROWS
    text = cost_table("Pages with the embeddings as", records, best(costs), {})
    return text + "".join(
        f"{form}: {size / page_formats.PAGE_ROWS:,.0f} bytes a record\n" for form, size in sizes.items()
    )


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
