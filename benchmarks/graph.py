"""A graph of the benchmark's own: people, what they wrote, and who knows whom."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.words import Vocabulary
from tests.servers.neo4j import Neo4jServer

_AT_ONCE = 10_000
_KNOWN = 2


def build(server: Neo4jServer, folder: Path, nodes: int) -> None:
    """Fills a stopped server with so many nodes and twice as many relationships; always the same ones.

    Half of the nodes are people, half posts. A node has six properties, one of them a zoned
    time; a relationship has two.
    """
    people = nodes // 2
    heads = {
        "people": "id:ID,:LABEL,name,bio,age:int,joined:datetime",
        "posts": "id:ID,:LABEL,title,body,stars:int,at:datetime",
        "ties": ":START_ID,:END_ID,:TYPE,since:date,strength:int",
    }
    rows = {"people": _people(people), "posts": _posts(people, nodes), "ties": _ties(people, nodes)}
    files = {name: _written(folder / f"{name}.csv", head, rows[name]) for name, head in heads.items()}
    server.import_csv(
        f"--nodes={files['people']}", f"--nodes={files['posts']}", f"--relationships={files['ties']}"
    )


def _written(file: Path, head: str, rows: Iterable[tuple[object, ...]]) -> Path:
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(head.split(","))
        writer.writerows(rows)
    return file


def _people(count: int) -> Iterator[tuple[object, ...]]:
    rng = random.Random(7)
    for number, (name, bio) in enumerate(_texts(rng, count)):
        yield number, "Person", name.title(), bio, rng.randint(16, 90), _moment(rng)


def _posts(first: int, stop: int) -> Iterator[tuple[object, ...]]:
    rng = random.Random(8)
    for number, (title, body) in enumerate(_texts(rng, stop - first), first):
        yield number, "Post", title, body, rng.randint(1, 5), _moment(rng)


def _ties(people: int, nodes: int) -> Iterator[tuple[object, ...]]:
    """Each person knows two, each post was written by one and liked by another."""
    rng = random.Random(9)
    for number in range(people):
        for _ in range(_KNOWN):
            yield number, rng.randrange(people), "KNOWS", _day(rng), rng.randint(1, 10)
    for number in range(people, nodes):
        yield rng.randrange(people), number, "WROTE", _day(rng), rng.randint(1, 10)
        yield rng.randrange(people), number, "LIKES", _day(rng), rng.randint(1, 10)


def _texts(rng: random.Random, count: int) -> Iterator[tuple[str, str]]:
    vocabulary = Vocabulary(rng)
    for first in range(0, count, _AT_ONCE):
        size = min(_AT_ONCE, count - first)
        short, long = vocabulary.sentences(size, 2), vocabulary.sentences(size, 14)
        yield from zip((text.rstrip(".") for text in short), long, strict=True)


def _day(rng: random.Random) -> str:
    return f"20{rng.randint(10, 25)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _moment(rng: random.Random) -> str:
    return f"{_day(rng)}T{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}Z"
