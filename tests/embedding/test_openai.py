"""The ``openai`` provider against a server that limits, delays, fails and answers wrong lengths."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from engram_store.errors import ConfigurationError, EmbeddingServiceError
from io_connectors.retry import retrying
from tests.embedding.contract import EmbedderContract
from tests.embedding.pages import page_of
from tests.embedding.server import EmbeddingServer, embedding_server, vector_of
from transforms.embedding import openai
from transforms.embedding.batch import embed_pages
from transforms.embedding.openai import requests_of
from transforms.embedding.provider import KEY_VARIABLE, Embedder, EmbeddingSpec, create_embedder
from transforms.embedding.spent import Spent


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as server:
        yield server


def made(server: EmbeddingServer, model: str = "m", **more: bool | str | int) -> Embedder:
    return create_embedder(EmbeddingSpec("openai", model, base_url=server.url, **more))  # type: ignore[arg-type]


class TestOpenAI(EmbedderContract):
    @pytest.fixture
    def spec(self, server: EmbeddingServer) -> EmbeddingSpec:
        return EmbeddingSpec("openai", "m", base_url=server.url)


def test_vectors_are_the_servers(server: EmbeddingServer) -> None:
    texts = [f"text {number}" for number in range(250)]
    vectors = made(server).embed(texts)
    for text, vector in zip(texts, vectors, strict=True):
        expected = vector_of(text, 768)
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-3)
    assert sorted(map(len, server.requests)) == [50, 100, 100]


def test_short_vectors_are_filled_up(server: EmbeddingServer) -> None:
    server.width = 384
    vector = made(server).embed_query("one")
    assert vector[:384].any()
    assert not vector[384:].any()


def test_long_vectors_are_cut_only_when_asked(server: EmbeddingServer) -> None:
    server.width = 1536
    with pytest.raises(ConfigurationError, match="1536 floats"):
        made(server).embed_query("one")
    cut = made(server, truncate=True).embed_query("one")
    expected = vector_of("one", 1536)[:768]
    np.testing.assert_allclose(cut, expected / np.linalg.norm(expected), atol=1e-3)


def test_length_is_asked_for_where_models_have_any(server: EmbeddingServer) -> None:
    server.width = 1536
    assert made(server, "text-embedding-3-small").embed_query("one").shape == (768,)
    server.obeys_dimensions = False
    with pytest.raises(ConfigurationError, match="1536 floats"):
        made(server, "text-embedding-3-small").embed_query("one")


def test_told_waits_spend_no_try(server: EmbeddingServer) -> None:
    server.failures = [(429, {"Retry-After": "0.01"})] * 20
    assert made(server).embed_query("one").any()


def test_a_server_that_stays_away_ends_the_run_resumably(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "retrying", partial(retrying, sleep=lambda _: None))
    server.failures = [(500, {})] * 100
    with pytest.raises(EmbeddingServiceError, match="does not embed at the moment") as caught:
        made(server, in_flight=1).embed(["one"])
    assert caught.value.exit_code == 75
    assert "run the same command again" in caught.value.suggestion
    assert len(server.failures) == 95


def test_used_up_money_is_no_reason_to_wait(server: EmbeddingServer) -> None:
    server.failures = [(429, {"code": "insufficient_quota", "Retry-After": "1"})]
    with pytest.raises(ConfigurationError, match="does not embed by"):
        made(server).embed(["one"])


@pytest.mark.parametrize(
    ("status", "said"), [(401, "does not accept the key"), (403, "key"), (404, "does not embed by `m`")]
)
def test_wrong_settings_are_said_at_once(server: EmbeddingServer, status: int, said: str) -> None:
    server.failures = [(status, {})]
    with pytest.raises(ConfigurationError, match=said):
        made(server).embed(["one"])


def test_an_answer_with_too_few_vectors_is_refused(server: EmbeddingServer) -> None:
    server.forgets = 1
    with pytest.raises(ConfigurationError, match="does not embed"):
        made(server).embed(["one", "two"])


def test_a_refused_text_takes_no_others_along(server: EmbeddingServer) -> None:
    texts = [f"text {number}" for number in range(300)]
    texts[170] = "poison"
    (page,) = embed_pages(made(server), [page_of("p", texts)])
    assert [letter.key for letter in page.dead_letters] == ["170"]
    assert "a text was refused" in page.dead_letters[0].reason
    assert sorted(server.texts) == sorted(set(texts) - {"poison"})


def test_so_many_requests_at_once_and_no_more(server: EmbeddingServer) -> None:
    server.delay = 0.05
    made(server, in_flight=3).embed([f"text {number}" for number in range(1000)])
    assert server.most_at_once == 3


def test_tokens_are_counted_by_the_server(server: EmbeddingServer) -> None:
    embedder = made(server)
    embedder.embed(["one two", "three", "one two"])
    assert embedder.spent() == Spent(texts=2, tokens=3)
    assert embedder.spent() == Spent()


def test_prefixes_are_put_before(server: EmbeddingServer) -> None:
    embedder = made(server, query_prefix="query: ", document_prefix="passage: ")
    embedder.embed(["one"])
    embedder.embed_query("one")
    assert server.texts == ["passage: one", "query: one"]


def test_key_comes_from_the_environment(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    embedder = made(server)
    embedder.embed(["one"])
    assert server.keys == ["Bearer secret"]
    assert "secret" not in embedder.identity


def test_openai_itself_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(ConfigurationError, match=KEY_VARIABLE):
        create_embedder(EmbeddingSpec("openai", "m")).embed(["one"])


def test_an_address_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "retrying", partial(retrying, sleep=lambda _: None))
    spec = EmbeddingSpec("openai", "m", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(EmbeddingServiceError, match="does not embed"):
        create_embedder(spec).embed(["one"])


def test_requests_are_bounded_in_texts_and_tokens() -> None:
    assert list(requests_of([])) == []
    assert [len(rows) for rows in requests_of(["a"] * 250)] == [100, 100, 50]
    assert [len(rows) for rows in requests_of(["x" * 300_000] * 5)] == [2, 2, 1]
    assert [len(rows) for rows in requests_of(["x" * 10_000_000] * 2)] == [1, 1]
