"""The ``local`` provider with a table that was distilled from a model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from engram_store.errors import ConfigurationError
from tests.embedding.bert import TOKENS, make_bert
from tests.embedding.contract import EmbedderContract
from transforms.embedding.distil import distil
from transforms.embedding.local import LexicalEmbedder
from transforms.embedding.provider import EmbeddingSpec, create_embedder
from transforms.embedding.table import WIDTH, Table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    distil(str(make_bert(folder / "bert")), str(folder / "table"))
    return folder / "table"


class TestHybrid(EmbedderContract):
    @pytest.fixture
    def spec(self, table: Path) -> EmbeddingSpec:
        return EmbeddingSpec("local", str(table))


def test_a_table_has_a_row_for_each_piece(table: Path) -> None:
    loaded = Table.open(str(table))
    assert loaded.vectors.shape == (TOKENS, WIDTH)
    assert not loaded.vectors[:, 48:].any(), "the model has 48 floats"


def test_rare_pieces_weigh_more(table: Path) -> None:
    norms = np.linalg.norm(Table.open(str(table)).vectors, axis=1)
    assert norms[-20:].mean() > 2 * norms[:20].mean()


def test_halves_are_meaning_and_letters(table: Path) -> None:
    text = "garden chairs"
    vector = create_embedder(EmbeddingSpec("local", str(table))).embed([text])[0]
    letters = LexicalEmbedder().embed([text])[0]
    folded = letters[:WIDTH] + letters[WIDTH:]
    np.testing.assert_allclose(vector[WIDTH:], folded / np.linalg.norm(folded) / 2**0.5, atol=1e-6)
    loaded = Table.open(str(table))
    pieces = [loaded.tokenizer.encode(word, add_special_tokens=False).ids for word in text.split()]
    meaning = loaded.vectors[[number for word in pieces for number in word]].sum(axis=0)
    np.testing.assert_allclose(vector[:WIDTH], meaning / np.linalg.norm(meaning) / 2**0.5, atol=1e-6)


def test_identifiers_have_letters_only(table: Path) -> None:
    vector = create_embedder(EmbeddingSpec("local", str(table))).embed(["order4711"])[0]
    assert not vector[:WIDTH].any()
    np.testing.assert_allclose(np.linalg.norm(vector), 1, atol=1e-6)


def test_same_model_makes_the_same_table(table: Path, tmp_path: Path) -> None:
    distil(str(table.parent / "bert"), str(tmp_path / "again"))
    again = Table.open(str(tmp_path / "again"))
    np.testing.assert_allclose(again.vectors, Table.open(str(table)).vectors, atol=1e-5)


@pytest.mark.parametrize("file", ["table.json", "vectors.npy", "tokenizer.json"])
def test_a_table_without_one_of_its_files_is_none(table: Path, tmp_path: Path, file: str) -> None:
    shutil.copytree(table, tmp_path / "table")
    (tmp_path / "table" / file).unlink()
    with pytest.raises(ConfigurationError, match="no table of word pieces"):
        Table.open(str(tmp_path / "table"))


def test_a_table_of_another_width_is_none(table: Path, tmp_path: Path) -> None:
    shutil.copytree(table, tmp_path / "table")
    np.save(tmp_path / "table" / "vectors.npy", np.zeros((3, 5), dtype=np.float32))
    with pytest.raises(ConfigurationError, match="no table"):
        Table.open(str(tmp_path / "table"))


def test_nothing_is_written_over(table: Path) -> None:
    with pytest.raises(ConfigurationError, match="is there already"):
        distil(str(table.parent / "bert"), str(table))
