"""Embedding pages: texts, stand-ins, counts, and records that fail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engram_store.errors import EmbeddingError
from io_connectors.pages import EmbeddingCounts, MappedPage, Vectors
from tests.embedding.pages import Fussy, page_of
from transforms.embedding.batch import LONGEST_CONTENT, embed_pages
from transforms.embedding.isolate import embed_each
from transforms.embedding.local import LexicalEmbedder

EMBEDDER = LexicalEmbedder()


def embedded(page: MappedPage) -> MappedPage:
    (done,) = embed_pages(EMBEDDER, [page])
    return done


def vectors_of(page: MappedPage) -> Vectors:
    assert page.memories.embeddings is not None
    return page.memories.embeddings


def test_each_record_gets_the_vector_of_its_text() -> None:
    page = embedded(page_of("p", ["one", "two", "one"]))
    np.testing.assert_array_equal(vectors_of(page), EMBEDDER.embed(["one", "two", "one"]))
    assert page.embedding == EmbeddingCounts(texts=3, distinct=2)
    assert page.memories.confidence == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_without_text_the_content_is_embedded_at_low_confidence(text: str | None) -> None:
    page = embedded(page_of("p", [text, "two"], ['{"price": 12}', "{}"]))
    np.testing.assert_array_equal(vectors_of(page)[0], EMBEDDER.embed(['{"price": 12}'])[0])
    assert page.memories.confidence == [0.1, 0.5]
    assert page.embedding == EmbeddingCounts(texts=2, distinct=2, low_confidence=1)


def test_confidence_is_never_raised() -> None:
    assert embedded(page_of("p", [None], confidence=0.05)).memories.confidence == [0.05]


def test_a_long_content_is_cut() -> None:
    fussy = Fussy()
    list(embed_pages(fussy, [page_of("p", [None], ['"' + "word " * 20_000 + '"'])]))
    assert len(fussy.asked[0][0]) == LONGEST_CONTENT


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '""', " { } ", '"  "'])
def test_a_record_with_nothing_gets_the_zero_vector(content: str) -> None:
    page = embedded(page_of("p", [None, "two"], [content, "{}"]))
    assert not vectors_of(page)[0].any()
    assert page.memories.confidence == [0.1, 0.5]
    assert page.embedding == EmbeddingCounts(texts=1, distinct=1, zero_vectors=1)


@pytest.mark.parametrize("content", ["0", "false", '{"a":null}', '"x"'])
def test_a_little_is_not_nothing(content: str) -> None:
    assert vectors_of(embedded(page_of("p", [None], [content])))[0].any()


def test_a_text_counts_as_distinct_where_it_comes_first_in_the_batch() -> None:
    fussy = Fussy()
    pages = [page_of("p", ["one", "two"]), page_of("q", ["two", "three", "three"])]
    done = list(embed_pages(fussy, pages))
    assert fussy.asked == [["one", "two", "three"]]
    assert [page.embedding.distinct for page in done] == [2, 1]
    assert [page.embedding.texts for page in done] == [2, 3]


def test_pages_without_memories_pass() -> None:
    page = embedded(page_of("p", []))
    assert vectors_of(page).shape == (0, 768)
    assert vectors_of(page).dtype == np.float32


def test_a_refused_text_becomes_a_dead_letter_and_leaves_with_its_edges() -> None:
    texts = ["one", "poison", "three", "four"]
    clean, poor = embed_pages(Fussy(), [page_of("p", ["clean", "x"]), page_of("q", texts)])
    assert not clean.dead_letters
    assert poor.memories.ids == ["q_0", "q_2", "q_3"]
    assert poor.memories.keys == ["0", "2", "3"]
    np.testing.assert_array_equal(vectors_of(poor), EMBEDDER.embed(["one", "three", "four"]))
    assert poor.edges.sources == ["q_2", "q_3"]
    assert poor.edges.targets == ["q_1", "q_2"]
    assert poor.embedding == EmbeddingCounts(texts=3, distinct=3)
    (letter,) = poor.dead_letters
    assert (letter.stage, letter.page_id, letter.kind, letter.key) == ("embed", "q", "note", "1")
    assert letter.record == '{"n":1}'
    assert letter.reason == "The text was refused. (it is poison)"
    assert letter.suggestion == "leave it out"


def test_columns_stay_equally_long_after_a_refusal() -> None:
    (page,) = embed_pages(Fussy(), [page_of("p", ["poison", None, "poison", "four"], ["{}"] * 4)])
    for columns in (page.memories, page.edges):
        lists = [value for name in columns.__slots__ if isinstance(value := getattr(columns, name), list)]
        assert {len(values) for values in lists} == {len(columns)}
    assert page.embedding == EmbeddingCounts(texts=1, distinct=1, zero_vectors=1)


def test_an_edge_of_another_space_with_the_same_id_stays() -> None:
    page = page_of("p", ["one", "poison", "three"])
    page.edges.source_spaces[0] = "elsewhere"
    (done,) = embed_pages(Fussy(), [page])
    assert done.edges.sources == ["p_1", "p_2"]


def test_a_failing_batch_is_halved_not_tried_one_by_one() -> None:
    fussy = Fussy()
    texts = [f"text {number}" for number in range(64)]
    texts[37] = "poison"
    vectors, refused = embed_each(fussy, texts)
    assert list(refused) == ["poison"]
    assert len(fussy.asked) == 13
    assert np.flatnonzero(~vectors.any(axis=1)).tolist() == [37]


class _Broken(Fussy):
    def embed(self, texts: Sequence[str]) -> Vectors:
        raise RuntimeError("out of order")


class _TooShort(Fussy):
    def embed(self, texts: Sequence[str]) -> Vectors:
        return super().embed(texts)[:, :384]


def test_other_failures_are_not_swallowed() -> None:
    with pytest.raises(RuntimeError, match="out of order"):
        list(embed_pages(_Broken(), [page_of("p", ["one", "two"])]))


def test_a_model_that_does_not_fit_stops_the_run() -> None:
    with pytest.raises(EmbeddingError, match="384"):
        list(embed_pages(_TooShort(), [page_of("p", ["one", "two"])]))
