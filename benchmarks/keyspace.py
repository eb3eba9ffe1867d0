"""A keyspace of all types, of the sizes that caches and sessions have, in a server of its own."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.words import Vocabulary
from tests.servers.redis import RedisServer

_PIPELINE_KEYS = 5_000
_SENTENCES = 20_000
_EXPIRING = 0.25


def fill(server: RedisServer, keys: int) -> None:
    """Makes keys, always the same ones; a quarter expires, in twelve days or more.

    Of every type there are small ones, which the server packs, and large ones, which it does not.
    """
    rng = random.Random(7)
    make = _Makers(rng)
    with server.client() as client:
        pipe: Any = client.pipeline(transaction=False)
        for number, maker in enumerate(rng.choices(list(make.shares), list(make.shares.values()), k=keys)):
            name = f"object:{number}:{make.word()}"
            maker(pipe, name)
            if rng.random() < _EXPIRING:
                pipe.pexpire(name, 10**9 + rng.randrange(10**9))
            if number % _PIPELINE_KEYS == 0:
                pipe.execute()
        pipe.execute()


def fill_shop(server: RedisServer, keys: int) -> None:
    """Makes keys of two kinds only, half of them users (hashes) and half notes (texts); none expires."""
    rng = random.Random(7)
    texts = Vocabulary(rng).sentences(_SENTENCES, 14)
    with server.client() as client:
        pipe: Any = client.pipeline(transaction=False)
        for number in range(keys // 2):
            text, name = rng.choice(texts), " ".join(rng.choice(texts).split()[:2])
            pipe.hset(f"user:{number}", mapping={"name": name, "bio": text, "age": rng.randint(16, 90)})
            pipe.set(f"note:{number}", rng.choice(texts))
            if number % _PIPELINE_KEYS == 0:
                pipe.execute()
        pipe.execute()


def saved(server: RedisServer, path: Path) -> Path:
    """Keeps what a server has as a dump file, which outlives the server."""
    shutil.copyfile(server.save(), path)
    return path


class _Makers:
    """Puts the commands that make one key into a pipeline.

    Args:
        rng: Decides everything.

    Attributes:
        shares: What makes a key → its share of the keys, in thousandths.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._texts = Vocabulary(rng).sentences(_SENTENCES, 12)
        self._words = [word for text in self._texts for word in text[:-1].split()]
        self.shares: Mapping[Callable[[Any, str], None], int] = {
            self._text: 370,
            self._long_text: 30,
            self._number: 100,
            self._hash: 230,
            self._large_hash: 20,
            self._list: 79,
            self._long_list: 1,
            self._numbers: 50,
            self._set: 40,
            self._zset: 50,
            self._large_zset: 10,
            self._stream: 20,
        }

    def word(self) -> str:
        """A word of three letters or more."""
        return self._rng.choice(self._words)

    def _sentence(self) -> str:
        return self._rng.choice(self._texts)

    def _text(self, pipe: Any, name: str) -> None:
        pipe.set(name, self._sentence())

    def _long_text(self, pipe: Any, name: str) -> None:
        """Long enough to be compressed."""
        sentence = self._sentence()
        pipe.set(name, " ".join([sentence, self._sentence(), sentence]))

    def _number(self, pipe: Any, name: str) -> None:
        pipe.set(name, self._rng.randrange(10**9))

    def _hash(self, pipe: Any, name: str) -> None:
        count = self._rng.randint(1, 4)
        fields: dict[str, str | int] = {f"field{number}": self._sentence()[:60] for number in range(count)}
        fields |= {f"count{number}": self._rng.randrange(10**6) for number in range(count)}
        pipe.hset(name, mapping=fields)

    def _large_hash(self, pipe: Any, name: str) -> None:
        count = self._rng.randint(2, 4)
        fields = {f"field{number}": f"{self._sentence()} {self._sentence()}" for number in range(count)}
        pipe.hset(name, mapping=fields)

    def _list(self, pipe: Any, name: str) -> None:
        pipe.rpush(name, *(self._sentence() for _ in range(self._rng.randint(1, 8))))

    def _long_list(self, pipe: Any, name: str) -> None:
        """In more than one part."""
        pipe.rpush(name, *(self._sentence() for _ in range(120)))

    def _numbers(self, pipe: Any, name: str) -> None:
        pipe.sadd(name, *(self._rng.randrange(10**6) for _ in range(10)))

    def _set(self, pipe: Any, name: str) -> None:
        pipe.sadd(name, *(self._sentence() for _ in range(self._rng.randint(1, 6))))

    def _zset(self, pipe: Any, name: str) -> None:
        count = self._rng.randint(1, 10)
        pipe.zadd(name, {self._sentence()[:60]: self._rng.randrange(1000) for _ in range(count)})

    def _large_zset(self, pipe: Any, name: str) -> None:
        pipe.zadd(name, {self._sentence(): self._rng.random() for _ in range(self._rng.randint(2, 10))})

    def _stream(self, pipe: Any, name: str) -> None:
        for number in range(self._rng.randint(1, 10)):
            pipe.xadd(name, {"text": self._sentence(), "number": number})
