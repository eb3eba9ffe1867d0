"""What reading a keyspace costs, by a dump file and live, beside other readers and a mere transfer.

    python -m benchmarks.rdb [--keys 1000000] [--rounds 3]

A server is filled with keys of all types and saved. For ``rdbtools``, which reads nothing newer than
Redis 6.2 writes, a server of that version is filled with the same keys. ``rdb-py`` is measured where
it is installed (``pip install rdb-py``). Then the dump file is migrated by the command. Times of one
run may be compared with each other, not with another machine's: see ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pipelines.quiet  # noqa: F401  # isort: skip
import psutil

from benchmarks import commands
from benchmarks.keyspace import fill, saved
from benchmarks.measuring import Cost, Costs, Server, Stopwatch, best, summed
from benchmarks.reporting import cost_table, megabytes
from io_connectors.pages import SourcePage
from io_connectors.planned_pages import PlannedPage, PlannedPages
from io_connectors.redis.dump import DumpChoices, open_dump
from io_connectors.redis.keyspace import KeyspacePlan, Selection
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.keyspace import open_live
from io_connectors.redis.rdb import index_file, read_span
from tests.servers.redis import RedisServer, find_others
from transforms.mapping.keyspace_choices import KeyspaceChoices, KeyspaceMapping
from transforms.mapping.redis import map_page

_INDEX, _DECODE, _PAGES = "index pass", "decode, every span", "read and map to pages"
_RDB_PY = "rdb-py"
_OLD_INDEX, _OLD_DECODE = "index pass, as Redis 6.2", "decode, as Redis 6.2"
_RDBTOOLS = "rdbtools, as Redis 6.2"
_LIST, _LIVE_READ, _LIVE = "live: list by SCAN", "live: read by DUMP", "live: list and read"
_TRANSFER = "redis-cli --rdb"
_COMMAND = commands.command_name(1)

_RDB_PY_TYPES = ("string", "hash", "list", "set", "sorted_set")

_PAGE_KEYS = 1000
#: By default a server waits five seconds for further replicas before it sends a dump.
_AT_ONCE = ("repl-diskless-sync-delay 0",)
_TWIN = "redis 6.2"


def main() -> None:
    options = _options()
    keys = options.keys
    with commands.scratch(None) as folder:
        with RedisServer(_AT_ONCE) as server:
            fill(server, keys)
            file = saved(server, folder / "new.rdb")
            live = {**_live(server, keys), **_transfer(server, folder / "transferred.rdb")}
        rounds = [_read(file, keys) for _ in range(options.rounds)]
        others = {**_by_rdb_py(file, keys), **_twin(folder / "old.rdb", keys)}
        costs = {**best(rounds), **live, **others}
        costs[_COMMAND] = _migrate(file, keys, folder)
        print(_shown(keys, file, costs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1, help="of reading the dump file; the best counts")
    return parser.parse_args()


def _shown(keys: int, file: Path, costs: Costs) -> str:
    lines = [cost_table(f"{keys:,} keys", keys, costs, {"× pages": costs[_PAGES]})]
    lines += [
        f"{name}: {keys / cost.wall:,.0f} keys/s, {keys / cost.client:,.0f} a CPU second"
        for name, cost in costs.items()
    ]
    command = costs[_COMMAND]
    lines.append(
        f"a dump of {megabytes(file.stat().st_size)}; the command took {megabytes(command.peak_flowing)} of"
        f" memory while pages flowed, {megabytes(command.peak)} at most"
    )
    return "\n".join(lines)


def _read(path: Path, keys: int) -> Costs:
    """Ours first: the loops behind it have the reader's setting of the garbage collector, too."""
    watch = Stopwatch(Server(None))
    plan = open_dump(path, DumpChoices(Selection(None), _PAGE_KEYS), None).plan({}, anew=False)
    mapping = KeyspaceMapping(KeyspaceChoices(ttl_as_decay=True), plan.as_of)
    with watch.client(_PAGES):
        _expect(sum(len(map_page(page, mapping)) for page in _pages(plan)), keys)
    _measure_codec(path, keys, watch, _DECODE)
    return watch.costs


def _measure_codec(path: Path, keys: int, watch: Stopwatch, decode: str, index: str = _INDEX) -> None:
    with watch.client(index):
        found = index_file(path)
    with watch.client(decode):
        spans = (read_span(path, found.magic, span) for span in found.spans)
        rows = sum(1 for _ in chain.from_iterable(spans))
    _expect(rows, keys)


def _by_rdb_py(path: Path, keys: int) -> Costs:
    watch = Stopwatch(Server(None))
    if find_spec("rdb"):
        from rdb import RdbDecoder  # type: ignore[import-not-found, unused-ignore]

        with watch.client(_RDB_PY):
            found = sum(1 for item in RdbDecoder(str(path)) if item["type"] in _RDB_PY_TYPES)
        print(f"{_RDB_PY} gave {found:,} of {keys:,} keys")
    return watch.costs


def _twin(path: Path, keys: int) -> Costs:
    """The same keys as Redis 6.2 saves them."""
    watch = Stopwatch(Server(None))
    program = find_others().get(_TWIN)
    if not program or not find_spec("rdbtools"):
        return watch.costs
    from rdbtools import RdbCallback, RdbParser  # type: ignore[import-untyped]

    with RedisServer(program=program) as server:
        fill(server, keys)
        saved(server, path)
    _measure_codec(path, keys, watch, _OLD_DECODE, _OLD_INDEX)
    with watch.client(_RDBTOOLS):
        RdbParser(RdbCallback(string_escape=None)).parse(str(path))
    return watch.costs


def _live(server: RedisServer, keys: int) -> Costs:
    watch = Stopwatch(Server(psutil.Process(server.pid)))
    with open_live(RedisAddress.parse(server.url), Selection(), _PAGE_KEYS, None) as live:
        with watch.both(_LIST):
            plan = live.plan({}, anew=False)
        with watch.both(_LIVE_READ):
            _expect(sum(map(len, _pages(plan))), keys)
    return {**watch.costs, _LIVE: summed(watch.costs, _LIST, _LIVE_READ)}


def _pages(plan: KeyspacePlan) -> Iterator[SourcePage]:
    pages = [PlannedPage(page_id, page.rows, page.place) for page_id, page in plan.pages.items()]
    source = PlannedPages(pages, plan.open_reader, plan.shown)
    return source.read(source.get_range_tracker(None, None))


def _transfer(server: RedisServer, path: Path) -> Costs:
    """What it takes to have the server save and send a dump, and to write it down."""
    watch, program = Stopwatch(Server(psutil.Process(server.pid))), shutil.which("redis-cli")
    if program:
        before = _seconds_of_children()
        with watch.both(_TRANSFER):
            command = [program, "-s", str(server.socket), "--rdb", str(path)]
            subprocess.run(command, check=True, capture_output=True)
        watch.costs[_TRANSFER] += Cost(client=_seconds_of_children() - before)
    return watch.costs


def _seconds_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _migrate(file: Path, keys: int, folder: Path) -> Cost:
    store = folder / "store"
    arguments = ["pipelines.redis", "--use-rdb", str(file), "--target", str(store)]
    arguments += ["--parallel-workers", "1", "--ttl-as-decay"]
    left = partial(commands.pages_left, store, keys // _PAGE_KEYS)
    return commands.run(arguments, Server(None), folder / "log", left)


def _expect(read: int, keys: int) -> None:
    if read != keys:
        raise RuntimeError(f"{read} keys were read instead of {keys}")


if __name__ == "__main__":
    main()
