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
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from benchmarks.measuring import Costs, Server, Stopwatch, best
from benchmarks.reporting import cost_table, megabytes
from benchmarks.words import Vocabulary
from demo.rdb_streams import stream
from demo.rdb_writer import Dump, Pack, intset, length, listpack, scored, string, strings, ziplist
from io_connectors.redis.rdb import index_file, read_span
from io_connectors.redis.rows import Stream, StreamEntry

_INDEX = "index pass"
_DECODE = "decode, every span"
_OLD_INDEX = "index pass, as Redis 6"
_OLD_DECODE = "decode, as Redis 6"
_RDBTOOLS = "rdbtools, as Redis 6"

_EXPIRING = 0.25
_NEW, _OLD = 11, 9


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
    values = _Values(rng, version)
    dump = Dump(b"REDIS%04d" % version)
    dump.select(0, keys)
    for number, make in enumerate(rng.choices(list(values.shares), list(values.shares.values()), k=keys)):
        kind, value = make()
        expire_at = 1_800_000_000_000 + rng.randrange(10**9) if rng.random() < _EXPIRING else None
        dump.key(kind, b"object:%d:%s" % (number, values.text()[:8]), value, expire_at)
    return dump.finish()


class _Values:
    """Made-up values, as a version saves them.

    Args:
        rng: Decides everything.
        version: The file's version.

    Attributes:
        shares: What makes a value → its share of the keys, in percent.
    """

    def __init__(self, rng: random.Random, version: int) -> None:
        self._rng = rng
        self._is_old = version == _OLD
        self._pack: Pack = ziplist if self._is_old else listpack
        self._sentences: Iterator[str] = iter(())
        self._vocabulary = Vocabulary(rng)
        self.shares: dict[Callable[[], tuple[int, bytes]], int] = {
            self._text: 40,
            self._number: 10,
            self._hash: 25,
            self._list: 8,
            self._numbers: 5,
            self._set: 4,
            self._packed_zset: 5,
            self._zset: 1,
            self._stream: 2,
        }

    def text(self) -> bytes:
        """A sentence."""
        text = next(self._sentences, None)
        if text is None:
            self._sentences = iter(self._vocabulary.sentences(20_000, 12))
            text = next(self._sentences)
        return text.encode()

    def _texts(self, most: int) -> list[bytes]:
        return [self.text() for _ in range(self._rng.randint(1, most))]

    def _text(self) -> tuple[int, bytes]:
        return 0, string(self.text())

    def _number(self) -> tuple[int, bytes]:
        return 0, string(b"%d" % self._rng.randrange(10**9))

    def _hash(self) -> tuple[int, bytes]:
        fields = [(b"field%d" % number, text) for number, text in enumerate(self._texts(4))]
        fields += [(b"count%d" % number, b"%d" % self._rng.randrange(10**6)) for number in range(len(fields))]
        return 13 if self._is_old else 16, string(self._pack([part for field in fields for part in field]))

    def _list(self) -> tuple[int, bytes]:
        packed = string(self._pack(self._texts(8)))
        return (14, length(1) + packed) if self._is_old else (18, length(1) + length(2) + packed)

    def _numbers(self) -> tuple[int, bytes]:
        return 11, string(intset([b"%d" % self._rng.randrange(10**6) for _ in range(10)]))

    def _set(self) -> tuple[int, bytes]:
        return 2, strings(self._texts(6))

    def _packed_zset(self) -> tuple[int, bytes]:
        parts = [part for text in self._texts(10) for part in (text, b"%d" % self._rng.randrange(1000))]
        return 12 if self._is_old else 17, string(self._pack(parts))

    def _zset(self) -> tuple[int, bytes]:
        return 5, scored((text, self._rng.random()) for text in self._texts(20))

    def _stream(self) -> tuple[int, bytes]:
        entries = [
            StreamEntry(f"{1_700_000_000_000 + at}-0", [(b"text", text), (b"number", b"%d" % at)])
            for at, text in enumerate(self._texts(10))
        ]
        return 15, stream(Stream(entries, entries[-1].id, "0-0", len(entries), []), 1)


if __name__ == "__main__":
    main()
