"""What reading a live Redis costs: our way, and the loops that one would write with redis-py.

    python -m benchmarks.redis [--keys 100000] [--rounds 3]

A server of its own is filled with keys of all types, and read whole: listed by SCAN, then each value
and time to live. The loops of redis-py get the values and leave them as they come; ours makes rows of
them. Times of one run may be compared with each other, not with another machine's: see
``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Any

import psutil

from benchmarks.keyspace import fill
from benchmarks.measuring import Costs, Server, Stopwatch, best
from benchmarks.reporting import cost_table
from io_connectors.redis.keyspace import KeyspacePlan, Selection
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.keyspace import LiveKeyspace, open_live
from tests.servers.redis import RedisServer

_PLAN = "list and plan"
_READ = "read, by DUMP"
_GETTERS = "read, DUMP denied"
_DUMP_LOOP = "redis-py, DUMP, undecoded"
_PIPELINES = "redis-py, getters"
_SINGLE = "redis-py, key by key"

_PIPELINE_KEYS = 500

_GETTER = {
    b"string": ("GET",),
    b"list": ("LRANGE", 0, -1),
    b"hash": ("HGETALL",),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    b"stream": ("XRANGE", "-", "+"),
}


def main() -> None:
    options = _options()
    with RedisServer() as server:
        fill(server, options.keys)
        rounds = [_measure(server, options.keys) for _ in range(options.rounds)]
    costs = best(rounds)
    print(cost_table(f"{options.keys:,} keys, best of {options.rounds}", options.keys, costs, {}))
    for name, cost in costs.items():
        print(
            f"{name}: {options.keys / cost.wall:,.0f} keys/s, {options.keys / cost.client:,.0f} a CPU second"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the best counts")
    return parser.parse_args()


def _measure(server: RedisServer, keys: int) -> Costs:
    watch = Stopwatch(Server(psutil.Process(server.pid)))
    with open_live(RedisAddress.parse(server.url), Selection(), 1000, None) as live:
        with watch.both(_PLAN):
            plan = live.plan({}, anew=False)
        with watch.both(_READ):
            _read(plan, keys)
        with watch.both(_GETTERS):
            _read(_without_dump(live), keys)
    for name, read in ((_DUMP_LOOP, _dump_loop), (_PIPELINES, _pipelines), (_SINGLE, _single)):
        with watch.both(name):
            _expect(read(server), keys)
    return watch.costs


def _read(plan: KeyspacePlan, keys: int) -> None:
    with closing(plan.open_reader()) as reader:
        _expect(sum(len(reader.read(name, page.place)) for name, page in plan.pages.items()), keys)


def _without_dump(live: LiveKeyspace) -> KeyspacePlan:
    return replace(live, abilities=replace(live.abilities, dump=False)).plan({}, anew=False)


def _dump_loop(server: RedisServer) -> int:
    client: Any = server.client()
    read = 0
    for keys in _chunks(client):
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.dump(key)
            pipe.pttl(key)
        read += len(pipe.execute()) // 2
    return read


def _pipelines(server: RedisServer) -> int:
    client: Any = server.client()
    read = 0
    for keys in _chunks(client):
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.type(key)
            pipe.pttl(key)
        types = pipe.execute()[::2]
        for key, kind in zip(keys, types, strict=True):
            command, *rest = _GETTER[kind]
            pipe.execute_command(command, key, *rest)
        read += len(pipe.execute())
    return read


def _single(server: RedisServer) -> int:
    client: Any = server.client()
    read = 0
    for key in client.scan_iter(count=1000):
        command, *rest = _GETTER[client.type(key)]
        client.pttl(key)
        client.execute_command(command, key, *rest)
        read += 1
    return read


def _chunks(client: Any) -> Iterator[list[bytes]]:
    names = client.scan_iter(count=1000)
    return iter(lambda: list(islice(names, _PIPELINE_KEYS)), [])


def _expect(read: int, keys: int) -> None:
    if read != keys:
        raise RuntimeError(f"{read} keys were read instead of {keys}")


if __name__ == "__main__":
    main()
