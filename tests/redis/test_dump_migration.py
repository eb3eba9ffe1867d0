"""Dump files through the whole pipeline: every sample, any number of workers, any page size."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from demo.cache import EXPIRED_SESSIONS
from engram_store.model import Memory
from engram_store.store import Store
from io_connectors.engram.targets import EmbeddedTargetSpec, Target
from io_connectors.redis.dump import DumpChoices, open_dump
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.spelling import spelled
from tests.pipelines.stored import report, stored
from tests.redis.conftest import MADE_AT
from tests.redis.migrations import as_of, found, in_process, migrate
from transforms.embedding.batch import embed_pages
from transforms.embedding.provider import Embedder, EmbeddingSpec, create_embedder
from transforms.mapping.keyspace_choices import KeyspaceChoices, KeyspaceMapping
from transforms.mapping.redis import map_page

#: Files that no server at hand loads → keys that become memories, keys that are refused.
UNLOADED = {
    "hdt3213/valkey_hash2_with_hfe.rdb": (1, 0),
    "hdt3213/zipmap_big_len.rdb": (1, 0),
    "rdbtools/redis_60_with_module_aux.rdb": (0, 0),
}
#: Types by the modules' names → as memories have them; of other modules' keys there are dead letters.
MODULES = {"ReJSON-RL": "json"}
KNOWN = ("string", "list", "set", "zset", "hash", "stream", "json")


@cache
def known(folder: Path) -> dict[str, Any]:
    """File → database → keys, as the servers told them."""
    with gzip.open(folder / "expected_values.json.gz") as packed:
        values: dict[str, Any] = json.load(packed)
    return values


class Arrived(NamedTuple):
    """What a migration left of a source, and what it counted."""

    memories: Mapping[str, Memory]
    as_of: int
    expired: int
    dead_letters: int


def arrived(target: Path) -> Arrived:
    """What the only run of a store left."""
    document: Any = report(target)
    return Arrived(found(target), as_of(target), document["expired"], document["dead_letters"])


def test_every_sample_is_in_the_store(samples: Path, target: Path) -> None:
    """All in one store, each in a space of its own; without Beam, whose start takes most of the time."""
    folder = samples / "redis"
    names = [str(path.relative_to(folder)) for path in sorted(folder.glob("*/*.rdb"))]
    assert len(names) == 74
    store = Store.open(target, create=True)
    embedder = create_embedder(EmbeddingSpec())
    run = store.create_run("samples", {"model": embedder.identity})
    writer = EmbeddedTargetSpec(str(store.path), run.id).open()
    counted = [
        _migrate(folder / name, f"file{number}", embedder, writer) for number, name in enumerate(names)
    ]
    run.commit_pages(run.page_ids())
    store.finalize()
    with store.reader() as reader:
        for number, name in enumerate(names):
            memories = {memory.id: memory for memory in reader.scan(f"file{number}")}
            assert len(memories) == reader.count(f"file{number}"), name
            left = counted[number]._replace(memories=memories)
            if name in UNLOADED:
                assert (len(memories), left.dead_letters) == UNLOADED[name], name
            else:
                check_against(known(folder)[name], left, name)


def _migrate(file: Path, space: str, embedder: Embedder, target: Target) -> Arrived:
    """Writes a file's pages, and counts what else became of its keys."""
    plan = open_dump(file, DumpChoices(Selection(None), 1000), None).plan({}, anew=False)
    mapping = KeyspaceMapping(KeyspaceChoices(memory_space=space), plan.as_of, several_databases=True)
    expired = refused = 0
    with closing(plan.open_reader()) as reader:
        for page_id, planned in plan.pages.items():
            # Some files have the same pages: the space tells their names apart.
            page = map_page(reader.read(f"{space}-{page_id}", planned.place), mapping)
            assert len(page) + page.expired + len(page.dead_letters) == planned.rows
            for embedded in embed_pages(embedder, [page]):
                target.write(embedded)
            expired, refused = expired + page.expired, refused + len(page.dead_letters)
    return Arrived({}, plan.as_of, expired, refused)


def check_against(databases: dict[str, list[list[Any]]], left: Arrived, name: str) -> None:
    """Asserts that exactly the keys are there that a server told, but for those that had expired."""
    kinds = {key_id: memory.source.kind for key_id, memory in left.memories.items()}
    expired = refused = 0
    for db, keys in databases.items():
        for key, told, expire_at, value, *times in keys:
            key_id = f"redis_{db}_{spelled(bytes.fromhex(key))}"
            kind = MODULES.get(told, told)
            if kind not in KNOWN:
                refused += 1
                assert key_id not in kinds, (name, key_id)
            elif _lasts(expire_at, value, times, left.as_of, key_id in kinds):
                assert kinds.pop(key_id, None) == kind, (name, key_id)
            else:
                expired += 1
                assert key_id not in kinds, (name, key_id)
    assert not kinds, name
    assert (left.expired, left.dead_letters) == (expired, refused), name


def _lasts(expire_at: int | str | None, value: Any, times: list[Any], moment: int, there: bool) -> bool:
    if expire_at == "ttl":  # that server could not tell the absolute time
        return there
    fields = dict(times[0]["field_expire_ms"]) if times else {}
    gone = bool(fields) and all(fields.get(name, moment + 1) <= moment for name, _ in value)
    return not gone and (expire_at is None or int(expire_at) > moment)


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["1", "1000"])
@pytest.mark.parametrize("workers", ["1", "2", "4"])
def test_any_workers_and_page_size_give_the_same_store(
    shop: Path, tmp_path: Path, target: Path, workers: str, rows: str
) -> None:
    flags = ("--use-rdb", shop, "--ttl-as-decay", "--zset-members-as-memories", "--hash-fields-as-memories")
    assert in_process(*flags, "--target", tmp_path / "one") == 0
    migrate(target, *flags, "--parallel-workers", workers, "--batch-size", rows).succeeded()
    assert stored(target).differences(stored(tmp_path / "one")) == []
    pages = 805 if rows == "1" else 1
    assert len(list(target.glob("runs/*/memories/*.parquet"))) >= pages


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["nasty_v12_redis7.4.1_json", "nasty_v11_valkey8.0.1", "nasty_v9_redis6.2.5"]
)
def test_nasty_samples_by_the_command(samples: Path, target: Path, name: str) -> None:
    file = samples / "redis" / "own" / f"{name}.rdb"
    migrate(target, "--use-rdb", file, "--source-db", "all", "--batch-size", "10").succeeded()
    check_against(known(samples / "redis")[f"own/{name}.rdb"], arrived(target), name)


def test_shop_arrives_with_its_spaces_and_without_what_had_expired(shop: Path, target: Path) -> None:
    spaces = "session:*:sessions,leaderboard:*:leaderboard"
    assert in_process("--use-rdb", shop, "--target", target, "--key-to-space", spaces) == 0
    memories = found(target)
    assert len(memories) == 808 - EXPIRED_SESSIONS
    assert report(target)["expired"] == EXPIRED_SESSIONS
    assert as_of(target) == MADE_AT * 1000
    assert Counter(memory.space for memory in memories.values()) == {
        "redis": 607,
        "sessions": 197,
        "leaderboard": 1,
    }
    assert memories["redis_leaderboard:bestsellers"].source.kind == "zset"


def test_only_asked_databases_are_read_and_the_others_are_named(
    samples: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = samples / "redis" / "hdt3213" / "multiple_databases.rdb"
    assert in_process("--use-rdb", file, "--target", target, "--source-db", "2") == 0
    assert list(found(target)) == ["redis_key_in_second_database"]
    assert "not read: 1 keys of database 0" in capsys.readouterr().out


def test_ids_name_the_database_when_several_are_asked_for(samples: Path, target: Path) -> None:
    file = samples / "redis" / "hdt3213" / "multiple_databases.rdb"
    assert in_process("--use-rdb", file, "--target", target, "--source-db", "0,2") == 0
    assert sorted(found(target)) == ["redis_0_key_in_zeroth_database", "redis_2_key_in_second_database"]


def test_only_matching_keys_are_read(shop: Path, target: Path) -> None:
    assert in_process("--use-rdb", shop, "--target", target, "--match", "session:1[0-2]") == 0
    assert sorted(found(target)) == ["redis_session:10", "redis_session:11", "redis_session:12"]
    assert report(target)["records"] == 3


def test_functions_are_said_not_to_be_migrated(
    samples: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process("--use-rdb", samples / "redis" / "hdt3213" / "function.rdb", "--target", target) == 0
    assert "not migrated: 1 libraries of functions" in capsys.readouterr().out
    assert any("functions" in str(note) for note in report(target)["notes"])  # type: ignore[attr-defined]


def test_preview_shows_types_and_writes_nothing(
    shop: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process("--use-rdb", shop, "--target", target, "--dry-run") == 0
    shown = capsys.readouterr().out
    for kind, keys in {"string": 401, "hash": 200, "list": 200, "set": 5, "zset": 1, "stream": 1}.items():
        assert any(line.split()[:3] == [kind, "redis", str(keys)] for line in shown.splitlines()), shown
    assert "redis/redis_product:0" in shown
    assert not target.exists()
