"""Embedding providers side by side: texts a CPU second, time on the clock, and how well they find.

    python -m benchmarks.providers [--model DIR] [--table DIR] [--texts 2000]

A server is stood in for by one of the benchmark's own, which answers after 50 ms: what is
measured of `openai` is our side, and how long the server has nothing to do between two requests.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

from benchmarks.pages import page_of
from benchmarks.words import Vocabulary
from tests.embedding.test_local import LIKENESS
from transforms.embedding.batch import embed_pages
from transforms.embedding.provider import EmbeddingSpec, create_embedder

_DELAY = 0.05
_PAGE = 1000


def main() -> None:
    """Measures every provider that is at hand, and prints one line each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", help="folder of a transformer")
    options.add_argument("--table", help="folder that `engram-migrate distil` has made")
    options.add_argument("--texts", type=int, default=2000)
    given = options.parse_args()
    with _server() as url:
        titles = ("texts/CPU s", "texts/s", "200: texts/CPU s", "found")
        print(f"{'provider':28}" + "".join(f"{title:>18}" for title in titles))
        for name, spec in _at_hand(given.model, given.table, url):
            short, longer = (_speed(spec, _texts(given.texts // n, 21 * n)) for n in (1, 10))
            found = "–" if spec.provider == "openai" else f"{_found(spec)} of {len(LIKENESS)}"
            print(f"{name:28}{short[0]:18,.0f}{short[1]:18,.0f}{longer[0]:18,.0f}{found:>18}")
        print(f"openai: of the time, no request was under way for {_idle(url, given.texts):.1%}")


def _at_hand(model: str | None, table: str | None, url: str) -> Iterator[tuple[str, EmbeddingSpec]]:
    yield "local", EmbeddingSpec()
    if table:
        yield "local with a table", EmbeddingSpec(model=table)
    if model:
        yield "huggingface", EmbeddingSpec("huggingface", model)
    yield "openai (50 ms a request)", EmbeddingSpec("openai", "m", base_url=url)


@contextmanager
def _server() -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "tests.embedding.server", str(_DELAY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


def _busy(url: str) -> float:
    return float(httpx.get(url).text)


def _texts(count: int, words: int) -> list[str]:
    return Vocabulary(random.Random(7)).sentences(max(1, count), words)


def _speed(spec: EmbeddingSpec, texts: Sequence[str]) -> tuple[float, float]:
    """Texts a CPU second and a second, once the model is loaded."""
    embedder = create_embedder(spec)
    embedder.embed(["a text to load the model by"])
    cpu, clock = time.process_time(), time.perf_counter()
    for first in range(0, len(texts), _PAGE):
        embedder.embed(texts[first : first + _PAGE])
    return len(texts) / (time.process_time() - cpu), len(texts) / (time.perf_counter() - clock)


def _found(spec: EmbeddingSpec) -> int:
    """How many texts of a small set find their paraphrase before all other texts."""
    embedder = create_embedder(spec)
    asked = embedder.embed([text for text, _, _ in LIKENESS])
    others = embedder.embed([near for _, near, _ in LIKENESS] + [far for _, _, far in LIKENESS])
    return int(((asked @ others.T).argmax(axis=1) == range(len(LIKENESS))).sum())


def _idle(url: str, texts: int) -> float:
    """Share of the time in which pages go through the stage and no request is under way."""
    embedder = create_embedder(EmbeddingSpec("openai", "m", base_url=url))
    embedder.embed(["a text to connect by"])
    pages = [page_of(str(at), _texts(_PAGE, 21)) for at in range(max(1, texts // _PAGE))]
    for number, page in enumerate(pages):
        page.memories.texts[:] = [f"{text} {number}" for text in page.memories.texts]
    before, begun = _busy(url), time.perf_counter()
    for page in pages:
        list(embed_pages(embedder, [page]))
    return 1 - (_busy(url) - before) / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
