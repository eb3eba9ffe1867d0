"""Embedding several pages as one batch, each distinct text once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from engram_store.model import CONFIDENCE, DIMENSION
from io_connectors.pages import EmbeddingCounts, MappedPage, MemoryPage, Vectors
from transforms.embedding.isolate import Refused, embed_each
from transforms.embedding.provider import Embedder
from transforms.embedding.refuse import without
from transforms.embedding.spent import Spent

#: This much of a record's content stands in for a text that it does not have, in characters.
LONGEST_CONTENT = 32_768

# What JSON is made of when it says nothing: ``{}``, ``[]``, ``""``, ``[{}]``.
_EMPTY = '{}[]" \t\r\n'


def embed_pages(embedder: Embedder, pages: Sequence[MappedPage]) -> Iterator[MappedPage]:
    """Give every page its vectors, computing each text of the batch once.

    A record without text is embedded from its content, at LOW confidence; one without content
    either gets the zero vector. A record whose text the embedder refuses becomes a dead letter.
    """
    wanted = [[text_of(page.memories, at) for at in range(len(page))] for page in pages]
    distinct = list(dict.fromkeys(text for texts in wanted for text in texts if text is not None))
    vectors, refused = embed_each(embedder, distinct)
    row_of = {text: row for row, text in enumerate(distinct)}
    seen: set[str] = set()
    spent = embedder.spent()
    for page, texts in zip(pages, wanted, strict=True):
        sound, kept = _refuse(page, texts, refused)
        done = _embedded(sound, kept, vectors, row_of, seen)
        costs = replace(done.embedding, computed=spent.texts, tokens=spent.tokens)
        yield replace(done, embedding=costs)
        # The batch's first page bears what the batch cost.
        spent = Spent()


def text_of(memories: MemoryPage, at: int) -> str | None:
    """What is embedded of a memory: its text, else the beginning of its content; None for nothing."""
    text = memories.texts[at]
    if text and not text.isspace():
        return text
    content = memories.contents[at]
    return None if content.strip(_EMPTY) in ("", "null") else content[:LONGEST_CONTENT]


def _refuse(
    page: MappedPage, texts: list[str | None], refused: Refused
) -> tuple[MappedPage, list[str | None]]:
    poor = {at: refused[text] for at, text in enumerate(texts) if text in refused}
    if not poor:
        return page, texts
    return without(page, poor), [text for at, text in enumerate(texts) if at not in poor]


def _embedded(
    page: MappedPage,
    texts: list[str | None],
    vectors: Vectors,
    row_of: dict[str, int],
    seen: set[str],
) -> MappedPage:
    present = [text for text in texts if text is not None]
    out = _rows(vectors, [row_of[text] for text in present])
    if len(present) < len(texts):
        filled = np.array([text is not None for text in texts])
        spread = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        spread[filled] = out
        out = spread
    known = len(seen)
    seen.update(present)
    bare = [not text or text.isspace() for text in page.memories.texts]
    counts = EmbeddingCounts(
        texts=len(present),
        distinct=len(seen) - known,
        low_confidence=sum(bare) - (len(texts) - len(present)),
        zero_vectors=len(texts) - len(present),
    )
    return page.embedded(out, _lowered(page.memories.confidence, bare), counts)


def _rows(vectors: Vectors, at: list[int]) -> Vectors:
    """Some rows, in this order; not copied where they follow one another, as those of distinct texts do."""
    first = at[0] if at else 0
    if at == [*range(first, first + len(at))]:
        return vectors[first : first + len(at)]
    return vectors.take(at, axis=0)


def _lowered(confidence: list[float], bare: list[bool]) -> list[float]:
    low = CONFIDENCE["LOW"]
    return [min(value, low) if lower else value for value, lower in zip(confidence, bare, strict=True)]
