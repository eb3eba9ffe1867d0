"""A PostgreSQL of any size, in which every row has two foreign keys: people, and what they posted.

Rows are as long and as many-worded in both tables, from the first to the last, so that what pages cost can
be compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

from benchmarks.database import Row, make
from benchmarks.words import Vocabulary

_TABLES = """
CREATE TABLE people (id bigint PRIMARY KEY, invited_by bigint, mentor bigint, name text NOT NULL, bio text,
    joined_at timestamptz);
CREATE TABLE posts (id bigint PRIMARY KEY, author bigint, reply_to bigint, title text, body text,
    posted_at timestamptz);
"""
_CONSTRAINTS = """
ALTER TABLE people ADD CONSTRAINT invited FOREIGN KEY (invited_by) REFERENCES people;
ALTER TABLE people ADD CONSTRAINT mentored FOREIGN KEY (mentor) REFERENCES people;
ALTER TABLE posts ADD CONSTRAINT written FOREIGN KEY (author) REFERENCES people;
ALTER TABLE posts ADD CONSTRAINT replied FOREIGN KEY (reply_to) REFERENCES posts;
"""
#: One in so many rows is a person.
_PERSON_EVERY = 10
_START = datetime(2020, 1, 1, tzinfo=timezone.utc)
_SENTENCES = 20_000
_HALF_TEXT = 7
#: All ids have as many digits.
_BEFORE_FIRST = 100_000_000


def build(dsn: str, rows: int) -> str:
    """Makes a database of so many rows and twice as many references; always the same ones.

    The first person and the first post refer to themselves.

    Returns:
        Its connection string.
    """
    people = max(1, rows // _PERSON_EVERY)
    rng = random.Random(7)
    text = _texts(rng)
    tables = {"people": _people(rng, text, people), "posts": _posts(rng, text, rows - people, people)}
    return make(dsn, f"forum_{rows}", _TABLES, tables, _CONSTRAINTS)


def _people(rng: random.Random, text: Callable[[], str], count: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        invited_by, mentor = _earlier(rng, number), _earlier(rng, number)
        yield _BEFORE_FIRST + number, invited_by, mentor, f"Person {number:08x}", text(), _moment(rng)


def _posts(rng: random.Random, text: Callable[[], str], count: int, people: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        author, reply_to = _earlier(rng, people + 1), _earlier(rng, number)
        yield _BEFORE_FIRST + number, author, reply_to, f"Letter {number:08x}", text(), _moment(rng)


def _texts(rng: random.Random) -> Callable[[], str]:
    """Makes texts of two sentences: 400 million different ones."""
    sentences = Vocabulary(rng).sentences(_SENTENCES, _HALF_TEXT)

    def text() -> str:
        first, second = int(rng.random() * _SENTENCES), int(rng.random() * _SENTENCES)
        return f"{sentences[first]} {sentences[second]}"

    return text


def _earlier(rng: random.Random, number: int) -> int:
    """The id of a number from 1 to the one before; the first's own for the first."""
    return _BEFORE_FIRST + max(1, int(rng.random() * (number - 1)) + 1)


def _moment(rng: random.Random) -> datetime:
    return _START + timedelta(microseconds=int(rng.random() * 1e14))
