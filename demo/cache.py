"""A shop's cache as a dump file: products, pages, sessions, carts, a leaderboard, tags, a stream of orders.

    python -m demo.cache shop.rdb [--products 200]

No server is needed. The same arguments always make the same keys; times to live count from now.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from demo import words
from demo.rdb_streams import stream
from demo.rdb_writer import Dump, scored, string, strings
from io_connectors.redis.rows import Stream, StreamEntry

DEFAULT_PRODUCTS = 200
LEADERBOARD = b"leaderboard:bestsellers"
#: Sessions whose time was over when the dump was made, and which Redis had not yet taken away.
EXPIRED_SESSIONS = 3

_STRING, _LIST, _SET, _HASH, _ZSET, _STREAM = 0, 1, 2, 4, 5, 15
_SECOND, _HOUR, _DAY = 1_000, 3_600_000, 86_400_000


class Entry(NamedTuple):
    """A key: its type byte, name, encoded value and expiry in milliseconds since 1970."""

    kind: int
    name: str
    value: bytes
    expire_at: int | None = None


def build(path: Path, products: int = DEFAULT_PRODUCTS, seed: int = 7, made_at: int | None = None) -> int:
    """Writes the dump file.

    Args:
        path: The file.
        products: Sets the size: about four keys a product.
        seed: Another seed makes another shop of the same size.
        made_at: When the dump is said to be made, in seconds since 1970; now, if it is not given.

    Returns:
        The number of keys.
    """
    now = int(time.time()) if made_at is None else made_at
    entries = list(_entries(Random(seed), products, now * 1000))
    dump = Dump(b"REDIS0010")
    dump.aux(b"redis-ver", b"7.0.0")
    dump.aux(b"ctime", b"%d" % now)
    dump.select(0, len(entries), sum(entry.expire_at is not None for entry in entries))
    for entry in entries:
        dump.key(entry.kind, entry.name.encode(), entry.value, entry.expire_at)
    path.write_bytes(dump.finish())
    return len(entries)


def _entries(random: Random, products: int, now: int) -> Iterator[Entry]:
    titles = [f"{random.choice(words.ADJECTIVES)} {random.choice(words.GOODS)}" for _ in range(products)]
    for number, title in enumerate(titles):
        colour = random.choice(words.COLOURS)
        product = {"title": title, "colour": colour, "price": f"{random.randint(500, 90_000) / 100:.2f}"}
        yield Entry(
            _HASH, f"product:{number}", _encoded([part for pair in product.items() for part in pair], 2)
        )
        page = f"<h1>{title}</h1> in {colour}, {random.choice(words.HABITS)}"
        yield Entry(
            _STRING, f"page:en:{number}", string(page.encode()), now + random.randint(60, 3600) * _SECOND
        )
    for number in range(products):
        customer = f"{random.choice(words.FIRST_NAMES)} {random.choice(words.LAST_NAMES)}"
        session = json.dumps({"customer": customer, "city": random.choice(words.CITIES)}, ensure_ascii=False)
        left = -_SECOND if number < EXPIRED_SESSIONS else random.randint(1, 14) * _DAY
        yield Entry(_STRING, f"session:{number}", string(session.encode()), now + left)
        yield Entry(_LIST, f"cart:{number}", _encoded(random.choices(titles, k=3)), now + 8 * _HOUR)
    sold = {title: float(random.randint(0, 500)) for title in titles}
    yield Entry(_ZSET, LEADERBOARD.decode(), scored((title.encode(), n) for title, n in sold.items()))
    for tag in words.TAGS:
        yield Entry(_SET, f"tag:{tag}", _encoded(sorted(set(random.choices(titles, k=20)))))
    yield Entry(_STRING, "visitors:bitmap", string(random.randbytes(64)))
    yield Entry(_STREAM, "orders", stream(_orders(random, titles, now), 1))


def _encoded(texts: list[str], each: int = 1) -> bytes:
    return strings([text.encode() for text in texts], each)


def _orders(random: Random, titles: list[str], now: int) -> Stream:
    entries = [
        StreamEntry(
            f"{now - 1000 + number}-0",
            [
                (b"product", random.choice(titles).encode()),
                (b"status", random.choice(words.STATUSES).encode()),
            ],
        )
        for number in range(20)
    ]
    return Stream(entries, entries[-1].id, "0-0", len(entries), [])


def main(arguments: list[str]) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.cache", description=__doc__)
    parser.add_argument("file", type=Path, help="dump file to write")
    parser.add_argument("--products", type=int, default=DEFAULT_PRODUCTS, help="size of the shop")
    options = parser.parse_args(arguments)
    print(f"{build(options.file, options.products):,} keys")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
