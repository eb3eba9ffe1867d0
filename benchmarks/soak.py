"""Migrations of many records through to a validated store: memory, speed, disk and time as they grow.

    python -m benchmarks.soak --records 100000 1000000 10000000 [--source postgresql redis]

Each database is made, migrated by the command, given again (nothing is to do then) and removed, one after
the other. What was seen goes to ``OUT/<source>-<records>.json``; ``OUT/report.html`` shows all that lie
there. The exit code is 1 where a promise was not kept: see ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pipelines.quiet  # noqa: F401  # isort: skip
from benchmarks import forum, keyspace, soak_report
from benchmarks.commands import scratch
from benchmarks.soak_run import Soaked, soak
from demo.server import running
from tests.servers.redis import RedisServer

_SOURCES = ("postgresql", "redis")


def main() -> int:
    options = _options()
    # Told to stop, it still takes its server down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.out.mkdir(parents=True, exist_ok=True)
    kept = True
    for records in sorted(options.records):
        for name in options.source:
            with scratch(options.folder) as folder, _source(name, records, folder) as arguments:
                failed = options.out / f"{name}-{records}.failed"
                soaked = soak(name, records, arguments, folder, options.workers, failed)
            kept &= _told(soaked, options.out)
    soak_report.write(options.out)
    return 0 if kept else 1


def _told(soaked: Soaked, out: Path) -> bool:
    """Keeps and prints what was seen; whether all promises were kept."""
    soaked.save(out / f"{soaked.source}-{soaked.records}.json")
    print(soak_report.text(soaked), flush=True)
    return all(promise.kept for promise in soak_report.promises(soaked))


@contextmanager
def _source(name: str, records: int, folder: Path) -> Iterator[list[str]]:
    """Makes a database; yields what follows ``python -m`` to migrate it."""
    if name == "redis":
        yield ["pipelines.redis", "--use-rdb", str(_dump(records, folder)), "--ttl-as-decay"]
        return
    with running(folder / "server") as dsn:
        yield ["pipelines.postgresql", "--source", forum.build(dsn, records)]


def _dump(records: int, folder: Path) -> Path:
    with RedisServer() as server:
        keyspace.fill(server, records)
        return keyspace.saved(server, folder / "dump.rdb")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--source", nargs="+", choices=_SOURCES, default=list(_SOURCES))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work: 2.5 KB a record are needed")
    parser.add_argument("--out", type=Path, default=Path("soak"), help="where the report goes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
