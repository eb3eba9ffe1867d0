"""What the lexical embedder costs, beside hashing the same texts with blake2b.

    python -m benchmarks.embedding [--texts 4000]

Processor time of one thread; the best of three rounds, each after the words are known, but for
the texts of new words, where every round is the first. The ratio to blake2b in the same run is
what may be compared between machines.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import time
import uuid
from collections.abc import Callable, Iterator

from benchmarks.pages import page_of
from benchmarks.words import Vocabulary, word
from transforms.embedding.batch import embed_pages
from transforms.embedding.local import LexicalEmbedder

_ROUNDS = 3
_PAGE = 1000

Texts = list[str]


def main() -> None:
    """Measure every kind of text, and print one line each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--texts", type=int, default=4000)
    count = options.parse_args().texts
    print(f"{'texts':34}{'texts/CPU s':>12}{'µs a text':>11}{'× blake2b':>11}")
    for name, measured, texts in _cases(count):
        seconds, baseline = measured(texts) / count, _blake2b(texts) / count
        print(f"{name:34}{1 / seconds:12,.0f}{seconds * 1e6:11.1f}{seconds / baseline:11.1f}")


def _cases(count: int) -> Iterator[tuple[str, Callable[[Texts], float], Texts]]:
    rng = random.Random(7)
    short = Vocabulary(rng).sentences(count, 21)
    yield "21 tokens", _embed, short
    yield "21 tokens, accented", _embed, [f"{text} é" for text in short]
    yield "21 tokens, in pages of records", _embed_pages, short
    yield "200 tokens", _embed, Vocabulary(rng).sentences(count, 200)
    yield "21 tokens, half of them new words", _embed_new, _new_words(rng, count)
    yield "4 UUIDs", _embed, [" ".join(_uuids(rng, 4)) for _ in range(count)]


def _new_words(rng: random.Random, count: int) -> Texts:
    halves = Vocabulary(rng).sentences(count, 11)
    return [f"{half} {' '.join(word(rng, 9) for _ in range(10))}" for half in halves]


def _uuids(rng: random.Random, count: int) -> list[str]:
    return [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(count)]


def _best(work: Callable[[], object]) -> float:
    return min(_timed(work) for _ in range(_ROUNDS))


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _embed(texts: Texts) -> float:
    embedder = LexicalEmbedder()
    embedder.embed(texts)
    return _best(lambda: [embedder.embed(page) for page in _pages(texts)])


def _embed_new(texts: Texts) -> float:
    return _best(lambda: [LexicalEmbedder().embed(page) for page in _pages(texts)])


def _embed_pages(texts: Texts) -> float:
    embedder = LexicalEmbedder()
    embedder.embed(texts)
    pages = [page_of(str(number), page) for number, page in enumerate(_pages(texts))]
    return _best(lambda: [list(embed_pages(embedder, [page])) for page in pages])


def _blake2b(texts: Texts) -> float:
    return _best(lambda: [hashlib.blake2b(text.encode()).digest() for text in texts])


def _pages(texts: Texts) -> list[Texts]:
    return [texts[at : at + _PAGE] for at in range(0, len(texts), _PAGE)]


if __name__ == "__main__":
    main()
