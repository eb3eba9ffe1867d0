"""The lexical embedder: the contract, its bounds, and a sanity check of its likeness."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.embedding.contract import TEXTS, EmbedderContract
from transforms.embedding.local import LONGEST_TEXT, LexicalEmbedder
from transforms.embedding.provider import EmbeddingSpec
from transforms.embedding.rows import WordRows
from transforms.embedding.tokens import tokens

EMBEDDER = LexicalEmbedder()
ANY_TEXT = st.text(st.one_of(st.characters(), st.characters(categories=["Cs", "Cc", "Zs", "Mn", "So"])))

# What version 1 of the embedder gives: stored vectors depend on it, on every machine. A change
# here needs another ``identity``.
GOLDEN = "139062bd9c69c011"


class TestLocal(EmbedderContract):
    @pytest.fixture
    def spec(self) -> EmbeddingSpec:
        return EmbeddingSpec("local")


def test_vectors_never_change_under_the_same_identity() -> None:
    assert EMBEDDER.identity == "local/lexical-1"
    assert hashlib.sha256(EMBEDDER.embed(TEXTS[:10]).tobytes()).hexdigest()[:16] == GOLDEN


@given(ANY_TEXT)
def test_any_text_is_a_unit_vector_and_only_blank_ones_are_zero(text: str) -> None:
    norm = float(np.linalg.norm(EMBEDDER.embed([text])[0]))
    assert norm == (pytest.approx(1, abs=1e-6) if text.strip() else 0)


@given(st.lists(ANY_TEXT, max_size=6))
def test_a_vector_depends_on_its_text_alone(texts: list[str]) -> None:
    together = EMBEDDER.embed(texts)
    apart = [LexicalEmbedder(capacity=1).embed([text])[0] for text in texts]
    assert together.tobytes() == b"".join(vector.tobytes() for vector in apart)


@pytest.mark.parametrize("pair", [("HELLO World", "hello world"), ("Straße", "STRASSE"), ("ﬁne", "FINE")])
def test_case_and_compatibility_forms_do_not_matter(pair: tuple[str, str]) -> None:
    first, second = EMBEDDER.embed(pair)
    np.testing.assert_array_equal(first, second)


def test_features_that_cancel_each_other_leave_a_vector() -> None:
    numbers = [f"{first} {second}" for first in range(60) for second in range(60)]
    np.testing.assert_allclose(np.linalg.norm(EMBEDDER.embed(numbers), axis=1), 1, atol=1e-6)


def test_only_the_beginning_of_a_long_text_counts() -> None:
    beginning = "word " * (LONGEST_TEXT // 5) + "end"
    assert len(beginning) == LONGEST_TEXT
    first, longer, other = EMBEDDER.embed([beginning, beginning + " of it all", "start " + beginning])
    np.testing.assert_array_equal(first, longer)
    assert (first != other).any()


@pytest.mark.parametrize("unit", ["\ufdfa", "漢", "🎉", "aaaaa ", "ab ", "7 "])
def test_squares_stay_exact_for_the_heaviest_texts(unit: str) -> None:
    rows = WordRows()
    found = [rows[token] for token in tokens((unit * LONGEST_TEXT)[:LONGEST_TEXT])]
    assert np.abs(rows.sums(found, [len(found)])).sum() ** 2 < 2**53


# (text, a text that shares words or spellings with it, an unrelated one)
LIKENESS = [
    ("red running shoes for men", "men's red shoes, for running", "stainless steel kitchen knife"),
    ("customer complained about late delivery", "late deliveries: complaint of a customer", "new invoice"),
    ("the parcel was damaged in transit", "parcel damgaed in trasit", "annual staff meeting in Berlin"),
    ("reset my password please", "how do I reset the password?", "what is the exchange rate today?"),
    ("Die Rechnung wurde bezahlt", "bezahlte Rechnungen", "Der Zug hat Verspätung"),
    ("東京都の天気予報", "東京の天気", "株価が下落した"),
    ("прекрасная погода сегодня", "сегодня погода прекрасна", "счёт не оплачен"),
]


@pytest.mark.parametrize(("text", "near", "far"), LIKENESS)
def test_a_text_is_nearer_to_its_paraphrase(text: str, near: str, far: str) -> None:
    vectors = EMBEDDER.embed([text, near, far])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_every_text_finds_its_paraphrase_among_all() -> None:
    texts = EMBEDDER.embed([text for text, _, _ in LIKENESS])
    others = EMBEDDER.embed([near for _, near, _ in LIKENESS] + [far for _, _, far in LIKENESS])
    assert (texts @ others.T).argmax(axis=1).tolist() == list(range(len(LIKENESS)))


def test_sharing_stop_words_only_is_little_likeness() -> None:
    first, second = EMBEDDER.embed(["the cat is on the roof", "the invoice is on the way"])
    assert first @ second < 0.3


def test_shared_identifiers_outweighed_by_words() -> None:
    text, words, identifier = EMBEDDER.embed(
        [
            "shipment delayed 550e8400-e29b-41d4-a716-446655440000",
            "delayed shipment 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "550e8400-e29b-41d4-a716-446655440000",
        ]
    )
    assert text @ words > text @ identifier


def _words(count: int) -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    for number in range(count):
        yield "".join(letters[number // 26**place % 26] for place in range(4))


def test_the_word_memory_is_bounded() -> None:
    embedder = LexicalEmbedder(capacity=20_000)
    words = list(_words(300_000))
    most_words = most_bytes = 0
    for at in range(0, len(words), 20_000):
        embedder.embed([" ".join(words[first : first + 20]) for first in range(at, at + 20_000, 20)])
        most_words = max(most_words, embedder.known_words)
        most_bytes = max(most_bytes, embedder.nbytes)
    assert 15_000 < most_words <= 20_000 + 32 * 20
    assert most_bytes < 2_000_000


def test_identifiers_are_not_remembered() -> None:
    rows = WordRows()
    known = len(rows)
    assert [rows[token] for token in ("550e8400", "2024", "京都", "y" * 60)]
    assert len(rows) == known


def test_threads_share_one_embedder() -> None:
    embedder = LexicalEmbedder(capacity=50)
    texts = [" ".join(words) for words in zip(*[_words(3_000)] * 6, strict=True)]
    expected = EMBEDDER.embed(texts).tobytes()
    given_back: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: given_back.append(embedder.embed(texts).tobytes())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given_back == [expected] * 4
