"""A transformer by ONNX Runtime beside the same by sentence-transformers: texts a CPU second, and memory.

    python -m benchmarks.runtimes [--texts 600] [--rounds 1]

The model has the size of MiniLM-L6 (6 layers of 384 floats) and random weights: how fast it is does not
depend on what it has learnt. A token is a word. Needs the extras ``onnx`` and ``st``. Each measurement has
a process of its own; the runtimes take turns.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks.commands import scratch
from benchmarks.reporting import megabytes, table
from benchmarks.words import Vocabulary
from transforms.embedding.provider import EmbeddingSpec, create_embedder

_SHORT, _LONG = 21, 210
_PAGE = 100
_UNKNOWN = "[UNK]"


@dataclass(frozen=True, slots=True)
class Speed:
    """What a runtime did.

    Attributes:
        short: Short texts a second of processor time.
        clock: Short texts a second.
        long: Long texts a second of processor time.
        loading: Seconds of processor time until the first vector was there.
        peak: Bytes of resident memory at most.
    """

    short: float
    clock: float
    long: float
    loading: float
    peak: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=600, help="short texts; a tenth as many long ones")
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the best counts")
    options = parser.parse_args()
    with scratch(None) as folder:
        made = {name: str(_made(folder / name, torch=name == "st")) for name in ("onnx", "st")}
        rounds = [dict(_round(made, options.texts)) for _ in range(options.rounds)]
    best = {
        name: max((speeds[name] for speeds in rounds), key=lambda speed: speed.short) for name in rounds[0]
    }
    columns = [f"{_SHORT}: a CPU s", "a second", f"{_LONG}: a CPU s", "loading s", "memory"]
    print(table(f"texts, best of {options.rounds}", columns, {name: _line(best[name]) for name in best}))


def _made(folder: Path, *, torch: bool) -> Path:
    # What makes models must not stand in the memory of what runs them.
    from tokenizers import Tokenizer, models, pre_tokenizers

    from tests.embedding.bert import Size, make_bert

    minilm = Size(width=384, heads=12, layers=6, inner=1536, positions=256)
    words = sorted({word.strip(".") for text in _texts(30_000, _SHORT) for word in text.split()})
    numbers = {word: number for number, word in enumerate([_UNKNOWN, ".", *words])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return make_bert(folder, size=minilm, tokenizer=tokenizer, torch=torch)


def _texts(count: int, words: int) -> list[str]:
    return Vocabulary(random.Random(7)).sentences(count, words)


def _round(made: Mapping[str, str], texts: int) -> Iterator[tuple[str, Speed]]:
    for threads in (1, 2):
        for name, folder in made.items():
            # A pool of one for each: what a library has loaded and set stays in its process.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                yield f"{name}, threads: {threads}", pool.submit(_speed, folder, threads, texts).result()


def _speed(folder: str, threads: int, texts: int) -> Speed:
    begun = time.process_time()
    embedder = create_embedder(EmbeddingSpec("huggingface", folder, threads=threads))
    embedder.embed(["a text to load the model by"])
    loading = time.process_time() - begun

    def rate(given: list[str]) -> tuple[float, float]:
        cpu, clock = time.process_time(), time.perf_counter()
        for first in range(0, len(given), _PAGE):
            embedder.embed(given[first : first + _PAGE])
        return len(given) / (time.process_time() - cpu), len(given) / (time.perf_counter() - clock)

    (short, clock), (long, _) = rate(_texts(texts, _SHORT)), rate(_texts(max(1, texts // 10), _LONG))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Speed(short, clock, long, loading, peak)


def _line(speed: Speed) -> list[str]:
    rates = (f"{rate:,.0f}" for rate in (speed.short, speed.clock))
    return [*rates, f"{speed.long:,.1f}", f"{speed.loading:.1f}", megabytes(speed.peak)]


if __name__ == "__main__":
    main()
