"""What reading a dump file costs: the index pass, decoding, and rdbtools beside them.

    python -m benchmarks.rdb [--keys 200000] [--rounds 3]

Two files of the same keys are made: one as Redis 7.2 saves it, and for ``rdbtools``, which reads
nothing newer, one as Redis 6 does. Times of one run may be compared with each other, not with
another machine's: see ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from benchmarks.measuring import Costs, Server, Stopwatch, best
from benchmarks.reporting import cost_table, megabytes
from benchmarks.words import Vocabulary
from io_connectors.redis.rdb import index_file, read_span
from io_connectors.redis.rows import Stream, StreamEntry
from tests.redis.rdb_streams import stream
from tests.redis.rdb_writer import Dump, Pack, intset, length, listpack, scored, string, strings, ziplist

_INDEX = "index pass"
_DECODE = "decode, every span"
_OLD_INDEX = "index pass, as Redis 6"
_OLD_DECODE = "decode, as Redis 6"
_RDBTOOLS = "rdbtools, as Redis 6"

_EXPIRING = 0.25
_NEW, _OLD = 11, 9
#: Type bytes by version: hash, list, sorted set.
_KINDS = {_NEW: (16, 18, 17), _OLD: (13, 14, 12)}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="engram-benchmark-") as folder:
        paths = {version: Path(folder) / f"{version}.rdb" for version in (_NEW, _OLD)}
        for version, path in paths.items():
            path.write_bytes(_dump(options.keys, version))
        rounds = [_measure(paths[_NEW], paths[_OLD], options.keys) for _ in range(options.rounds)]
        costs = best(rounds)
        print(cost_table(f"{options.keys:,} keys, best of {options.rounds}", options.keys, costs, {}))
        for name, cost in costs.items():
            print(f"{name}: {options.keys / cost.cpu:,.0f} keys per CPU second")
        print(f"files of {', '.join(megabytes(path.stat().st_size) for path in paths.values())}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the best counts")
    return parser.parse_args()


def _measure(new: Path, old: Path, keys: int) -> Costs:
    watch = Stopwatch(Server(None))
    for path, index_name, decode_name in ((new, _INDEX, _DECODE), (old, _OLD_INDEX, _OLD_DECODE)):
        with watch.client(index_name):
            index = index_file(path)
        with watch.client(decode_name):
            spans = (read_span(path, index.magic, span) for span in index.spans)
            rows = sum(1 for _ in chain.from_iterable(spans))
        if not keys == index.keys == rows:
            raise RuntimeError(f"{rows} rows of {index.keys} keys instead of {keys}")
    _measure_rdbtools(old, watch)
    return watch.costs


def _measure_rdbtools(path: Path, watch: Stopwatch) -> None:
    try:
        from rdbtools import RdbCallback, RdbParser  # type: ignore[import-untyped]
    except ImportError:
        return
    with watch.client(_RDBTOOLS):
        RdbParser(RdbCallback(string_escape=None)).parse(str(path))


def _dump(keys: int, version: int) -> bytes:
    """Keys of all types, of the sizes that caches and sessions have."""
    rng = random.Random(7)
    texts = chain.from_iterable(iter(lambda: Vocabulary(rng).sentences(20_000, 12), None))
    dump = Dump(b"REDIS%04d" % version)
    dump.select(0, keys)
    for number in range(keys):
        kind, value = _value(rng, texts, version)
        expire_at = 1_800_000_000_000 + rng.randrange(10**9) if rng.random() < _EXPIRING else None
        dump.key(kind, b"object:%d:%s" % (number, next(texts)[:8].encode()), value, expire_at)
    return dump.finish()


def _value(rng: random.Random, texts: Iterator[str], version: int) -> tuple[int, bytes]:
    pack: Pack = ziplist if version == _OLD else listpack
    hashes, lists, zsets = _KINDS[version]
    choice = rng.random()
    if choice < 0.4:
        return 0, string(next(texts).encode())
    if choice < 0.5:
        return 0, string(b"%d" % rng.randrange(10**9))
    if choice < 0.75:
        return hashes, string(pack([*_fields(rng, texts)]))
    if choice < 0.83:
        packed = string(pack([next(texts).encode() for _ in range(rng.randint(1, 8))]))
        return lists, length(1) + (packed if version == _OLD else length(2) + packed)
    if choice < 0.88:
        return 11, string(intset([b"%d" % rng.randrange(10**6) for _ in range(rng.randint(1, 20))]))
    if choice < 0.92:
        return 2, strings([next(texts).encode() for _ in range(rng.randint(1, 6))])
    if choice < 0.97:
        return zsets, string(pack([*_scores(rng, texts)]))
    if choice < 0.98:
        return 5, scored((next(texts).encode(), rng.random()) for _ in range(10))
    return 15, stream(_stream(rng, texts), 1)


def _fields(rng: random.Random, texts: Iterator[str]) -> Iterator[bytes]:
    for number in range(rng.randint(2, 8)):
        yield b"field%d" % number
        yield b"%d" % rng.randrange(10**6) if number % 2 else next(texts).encode()


def _scores(rng: random.Random, texts: Iterator[str]) -> Iterator[bytes]:
    for _ in range(rng.randint(1, 10)):
        yield next(texts).encode()
        yield b"%d" % rng.randrange(1000)


def _stream(rng: random.Random, texts: Iterator[str]) -> Stream:
    entries = [
        StreamEntry(f"{1_700_000_000_000 + at}-0", [(b"text", next(texts).encode()), (b"n", b"%d" % at)])
        for at in range(rng.randint(1, 10))
    ]
    return Stream(entries, entries[-1].id, "0-0", len(entries), [])


if __name__ == "__main__":
    main()
