"""``--rdb-engine rdbtools`` gives what our own engine gives, or says what it cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.rdb_writer import Dump, string, zipmap
from io_connectors.redis import by_rdbtools
from io_connectors.redis.by_rdbtools import read_by_rdbtools
from io_connectors.redis.rdb import Undecodable, index_file, read_span
from io_connectors.redis.rows import KeyRow
from tests.pipelines.stored import report, stored
from tests.redis.migrations import found, in_process

pytest.importorskip("rdbtools")

ENGINE = ("--rdb-engine", "rdbtools")
_DECODED = {"string", "list", "set", "zset", "hash"}


def test_every_sample_it_can_read_gives_the_same_rows(samples: Path) -> None:
    compared = refused = 0
    for file in sorted((samples / "redis").glob("*/*.rdb")):
        index = index_file(file, span_keys=1)
        types = {kind for tally in index.databases.values() for kind in tally.types}
        if index.magic > "REDIS0009" or not types <= _DECODED:
            continue
        for span in index.spans:
            (ours,), (theirs,) = read_span(file, index.magic, span), read_by_rdbtools(file, index.magic, span)
            if isinstance(theirs, Undecodable):
                refused += 1
                assert (theirs.key, theirs.type, theirs.db) == (ours.key, ours.type, ours.db)
            elif isinstance(ours, KeyRow):
                compared += 1
                assert repr(theirs) == repr(ours), file.name
    assert compared > 80
    assert refused <= 1


def test_store_is_the_same_as_by_our_own_engine(samples: Path, target: Path, tmp_path: Path) -> None:
    file = samples / "redis" / "rdbtools" / "parser_filters.rdb"
    assert in_process("--use-rdb", file, "--target", tmp_path / "ours", "--ttl-as-decay") == 0
    flags = ("--use-rdb", file, "--target", target, "--ttl-as-decay", *ENGINE, "--batch-size", "7")
    assert in_process(*flags) == 0
    assert stored(target).differences(stored(tmp_path / "ours")) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own/nasty_v10_redis7.0.15.rdb", ("too new for rdbtools", "REDIS0010", "--rdb-engine native")),
        ("own/nasty_v9_redis6.2.5.rdb", ("does not decode", "of the type stream", "--rdb-engine native")),
        ("hdt3213/valkey_hash2_with_hfe.rdb", ("too new for rdbtools", "VALKEY080")),
    ],
)
def test_what_it_cannot_read_is_refused_before_anything_is_written(
    samples: Path, target: Path, name: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        in_process("--use-rdb", samples / "redis" / name, "--target", target, "--source-db", "all", *ENGINE)
        == 3
    )
    error = capsys.readouterr().err
    assert all(word in error for word in words), error
    assert not target.exists()


def test_without_the_package_it_says_what_to_install(
    shop: Path, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(by_rdbtools, "find_spec", lambda name: None)
    assert in_process("--use-rdb", shop, "--target", target, *ENGINE) == 2
    assert "pip install 'rdbtools" in capsys.readouterr().err
    assert not target.exists()


def test_what_it_would_change_is_a_dead_letter(tmp_path: Path, target: Path) -> None:
    dump = Dump(b"REDIS0003")
    dump.select(0)
    dump.key(9, b"leading zeros", string(zipmap([b"code", b"007"])))
    dump.key(9, b"texts", string(zipmap([b"code", b"seven"])))
    dump.key(0, b"far", string(b"x"), 300_000_000_000_000)
    dump.key(0, b"near", string(b"x"), 4_000_000_000_123)
    file = tmp_path / "old.rdb"
    file.write_bytes(dump.finish())
    assert in_process("--use-rdb", file, "--target", target, *ENGINE) == 0
    assert sorted(found(target)) == ["redis_near", "redis_texts"]
    assert report(target)["dead_letters"] == 2
    assert '"expire_at":"2096-10-02T07:06:40.123Z"' in found(target)["redis_near"].content
