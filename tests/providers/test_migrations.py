"""Whole migrations with costly providers: what they are asked for, what is recorded, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo import cache
from engram_store.store import Store
from tests.embedding.bert import make_bert
from tests.embedding.server import EmbeddingServer, embedding_server
from tests.pipelines.command import Ended, verb
from tests.pipelines.command import migrate as from_postgres
from tests.pipelines.stored import report, stored
from tests.redis.migrations import in_process, migrate
from tests.servers.postgres import DebianPostgres

_ROWS, _TEXTS = 1500, 225
_TABLE = f"""
CREATE TABLE note (id int PRIMARY KEY, body text NOT NULL);
INSERT INTO note SELECT n, 'the text number ' || n * 7 % {_TEXTS} FROM generate_series(1, {_ROWS}) AS n;
"""
_SMALL_PAGES = ("--batch-size", "100")


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as server:
        yield server


@pytest.fixture
def flags(server: EmbeddingServer, tmp_path: Path) -> tuple[str, ...]:
    """For vectors of the server, with a cache of the test's own."""
    ours = ("--embedding-base-url", server.url, "--embedding-model", "m", "--embedding-provider", "auto")
    return (*ours, "--embedding-cache", str(tmp_path / "cache.sqlite"))


@pytest.fixture(scope="module")
def repeating(debian_postgres: DebianPostgres) -> Iterator[str]:
    """A table with 85 % repeated texts."""
    dsn = debian_postgres.create_database("repeating", _TABLE)
    yield dsn
    debian_postgres.drop_database("repeating")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.rdb"
    cache.build(path, products=5)
    return path


def _model(target: Path) -> set[str]:
    store = Store.open(target)
    return {store.run(name).model for name in store.runs()}


@pytest.mark.parametrize("workers", ["1", "4"])
def test_repeated_texts_are_paid_for_once(
    server: EmbeddingServer, flags: tuple[str, ...], repeating: str, tmp_path: Path, workers: str
) -> None:
    more = (*_SMALL_PAGES, "--parallel-workers", workers, "--embedding-price", "9", *flags)
    ended = from_postgres(repeating, tmp_path / "store", *more)
    ended.succeeded()
    asked = server.texts[1:]  # the first is the trial before the first row is read
    assert set(asked) == {f"body: the text number {number}" for number in range(_TEXTS)}
    assert len(asked) <= 0.2 * _ROWS
    embedding: Any = report(tmp_path / "store")["embedding"]
    assert (embedding["texts"], embedding["computed"]) == (_ROWS, len(asked))
    assert embedding["tokens"] == 5 * len(asked)
    assert embedding["cost"] == pytest.approx(5 * len(asked) * 9 / 1e6)
    assert f"the model computed {len(asked):,} texts" in ended.out

    server.requests.clear()
    from_postgres(repeating, tmp_path / "again", *more).succeeded()
    assert server.texts == []
    assert stored(tmp_path / "again").differences(stored(tmp_path / "store")) == []


def test_questions_go_to_the_recorded_model(
    server: EmbeddingServer, flags: tuple[str, ...], shop: Path, tmp_path: Path
) -> None:
    target = tmp_path / "store"
    assert in_process("--use-rdb", shop, "--target", target, *flags, "--embedding-query-prefix", "q: ") == 0
    server.requests.clear()
    vector = json.loads(_said(verb("embed-query", "a lamp", "--target", str(target))))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    verb("recall", "a lamp", "--target", str(target)).succeeded()
    assert server.texts == ["q: a lamp"] * 2


def _said(ended: Ended) -> str:
    ended.succeeded()
    return ended.out


def test_key_is_never_kept(
    flags: tuple[str, ...], server: EmbeddingServer, shop: Path, tmp_path: Path
) -> None:
    environment = {"ENGRAM_MIGRATE_EMBEDDING_KEY": "very-secret"}
    target = tmp_path / "store"
    ended = migrate(target, "--use-rdb", shop, *flags, "--log-level", "debug", environment=environment)
    ended.succeeded()
    assert set(server.keys) == {"Bearer very-secret"}
    assert "very-secret" not in ended.out + ended.err
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(b"very-secret" in file.read_bytes() for file in files)


def test_a_model_that_runs_here(shop: Path, tmp_path: Path) -> None:
    folder, target = make_bert(tmp_path / "bert"), tmp_path / "store"
    model = ("--embedding-provider", "auto", "--embedding-model", str(folder), "--embedding-cache", "off")
    migrate(target, "--use-rdb", shop, *model, "--require-semantic").succeeded()
    (identity,) = _model(target)
    assert identity.startswith(f"huggingface/{folder}?revision=")
    embedding: Any = report(target)["embedding"]
    assert embedding["semantic"] is True
    assert verb("recall", "a lamp", "--target", str(target)).out.count("\n") == 5


def test_a_table_distilled_from_a_model(shop: Path, tmp_path: Path) -> None:
    make_bert(tmp_path / "bert")
    table, target = str(tmp_path / "table"), tmp_path / "store"
    assert " word pieces; use it by" in _said(verb("distil", str(tmp_path / "bert"), table))
    verb("distil", str(tmp_path / "bert"), table).failed(2, "is there already")
    migrate(target, "--use-rdb", shop, "--embedding-model", table, "--require-semantic").succeeded()
    (identity,) = _model(target)
    assert identity.startswith(f"local/{table}?revision=")
    assert verb("recall", "a lamp", "--target", str(target)).out.count("\n") == 5


def test_another_model_replaces_the_first_only_when_asked(
    flags: tuple[str, ...], shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("--use-rdb", shop, "--target", tmp_path / "store")
    assert in_process(*command) == 0
    before = stored(tmp_path / "store")
    assert in_process(*command, *flags) == 7
    assert "--re-embed" in capsys.readouterr().err
    assert in_process(*command, *flags, "--run", "other") == 7
    assert "another model embedded" in capsys.readouterr().err
    assert in_process(*command, *flags, "--re-embed") == 0
    (model,) = _model(tmp_path / "store")
    assert model.startswith("openai/m")
    assert stored(tmp_path / "store").records.keys() == before.records.keys()
    assert in_process(*command, *flags, "--re-embed") == 0


def test_a_plan_asks_no_server(
    server: EmbeddingServer, flags: tuple[str, ...], repeating: str, tmp_path: Path
) -> None:
    more = ("--dry-run", "--embedding-price", "1000", *flags)
    ended = from_postgres(repeating, tmp_path / "store", *more)
    ended.succeeded()
    assert "tokens are to be embedded, " in ended.out
    assert " $, without what the cache holds" in ended.out
    assert server.texts == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--require-semantic",), "lexical"),
        (("--embedding-provider", "auto", "--require-semantic"), "lexical"),
        (("--embedding-base-url", "http://h/v1"), "means nothing to the provider `local`"),
        (("--embedding-model", "no-table"), "`no-table` is no table"),
        (("--embedding-provider", "openai"), "needs a model"),
        (("--embedding-provider", "huggingface"), "needs a model"),
    ],
)
def test_wrong_choices_start_nothing(
    given: tuple[str, ...], said: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process("--use-rdb", shop, "--target", tmp_path / "store", *given) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_a_key_alone_chooses_no_server(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGRAM_MIGRATE_EMBEDDING_KEY", "k")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert in_process("--use-rdb", shop, "--target", tmp_path / "store", "--embedding-provider", "auto") == 0
    assert "embeddings are lexical" in capsys.readouterr().err
    assert _model(tmp_path / "store") == {"local/lexical-1"}


def test_a_server_that_goes_away_leaves_a_run_to_go_on_with(
    server: EmbeddingServer, flags: tuple[str, ...], repeating: str, tmp_path: Path
) -> None:
    target, more = tmp_path / "store", (*_SMALL_PAGES, "--parallel-workers", "1", *flags)
    server.ends_after = _TEXTS // 2
    gone = from_postgres(repeating, target, *more)
    gone.failed(75, "does not embed at the moment", "run the same command again")
    server.ends_after = None
    from_postgres(repeating, target, *more).succeeded()
    assert sorted(set(server.texts)) == sorted(
        {"Engram", *(f"body: the text number {n}" for n in range(_TEXTS))}
    )
    assert len(server.texts) == _TEXTS + 1
