"""The command on a live server: the store is the one that its dump file makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.command import verb
from tests.pipelines.stored import page_files, report, stored
from tests.redis.filled import fill
from tests.redis.migrations import in_process, migrate
from tests.servers.redis import RedisServer

_PARTS = ("--hash-fields-as-memories", "--zset-members-as-memories")


@pytest.fixture(scope="module")
def server(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A server with keys of every type in two databases, to be read only."""
    redis_server.client().flushall()
    for db in (0, 7):
        fill(redis_server.client(db))
    yield redis_server
    redis_server.client().flushall()
    redis_server.client().acl_deluser("nodump", "some")


def test_store_of_a_server_is_that_of_its_dump(server: RedisServer, target: Path, tmp_path: Path) -> None:
    migrate(tmp_path / "dump", "--use-rdb", server.save(), "--source-db", "all", *_PARTS).succeeded()
    migrate(target, "--source", server.url, "--source-db", "all", *_PARTS).succeeded()
    found = stored(target)
    assert len(found.records) > 1000
    assert found.differences(stored(tmp_path / "dump")) == []


def test_store_of_a_server_that_denies_dump(server: RedisServer, target: Path, tmp_path: Path) -> None:
    client: Any = server.client()
    client.delete("stream")  # the time of a delivery may be a millisecond off
    rights = ("~*", "+@read", "-dump", "+time", "+info", "+select")
    client.execute_command("ACL", "SETUSER", "nodump", "on", ">secret", *rights)
    environment = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": "secret"}
    ended = migrate(target, "--source", server.url, "--source-user", "nodump", environment=environment)
    ended.succeeded()
    assert "the user may not call DUMP" in ended.out
    migrate(tmp_path / "dump", "--use-rdb", server.save()).succeeded()
    assert stored(target).differences(stored(tmp_path / "dump")) == []


def test_address_names_the_database(server: RedisServer, target: Path) -> None:
    assert in_process("--source", f"{server.url}/7", "--match", "hash:*", "--target", target) == 0
    assert sorted(stored(target).records) == [
        f"memory redis/redis_hash:{name}" for name in ("all", "long", "short")
    ]


def test_dry_run_leaves_the_target_alone(
    server: RedisServer, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process("--source", server.url, "--source-db", "7", "--target", target, "--dry-run") == 0
    assert not target.exists()
    assert "Plan: " in capsys.readouterr().out


def test_same_command_again_reads_anew(server: RedisServer, target: Path) -> None:
    """Nobody is told which values have changed: after a finished run all are read again."""
    command = ("--source", server.url, "--match", "hash:*", "--target", target)
    assert in_process(*command) == 0
    pages, before = page_files(target), stored(target)
    server.client().hset("hash:short", "new", "value")
    assert in_process(*command) == 0
    server.client().hdel("hash:short", "new")
    assert not pages.keys() & page_files(target).keys()
    assert stored(target).differences(before) == ["memory redis/redis_hash:short"]
    assert report(target)["changes"] == []


def test_keys_that_were_forbidden_are_read_by_a_replay(server: RedisServer, target: Path) -> None:
    acl = server.client().execute_command
    acl("ACL", "SETUSER", "some", "on", ">secret", "~hash:*", "+@read")
    environment = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": "secret"}
    flags = ("--source", server.url, "--source-user", "some", "--match", "[hl]*:short")
    migrate(target, *flags, environment=environment).succeeded()
    assert report(target)["dead_letters"] == 1
    acl("ACL", "SETUSER", "some", "~list:*")
    migrate(target, *flags, "--replay", environment=environment).succeeded()
    assert report(target)["dead_letters"] == 0
    assert "memory redis/redis_list:short" in stored(target).records


def test_a_live_server_is_validated(redis_server: RedisServer, target: Path) -> None:
    client = redis_server.client(3)
    client.mset({f"key:{number}": f"value {number}" for number in range(300)})
    client.expire("key:7", 5_000)
    flags = ("--source", redis_server.url, "--source-db", "3", "--batch-size", "100")
    migrate(target, *flags).succeeded()
    ended = verb("validate", "--target", str(target))
    ended.succeeded()
    assert ended.out.count("✓") == 6 and "300 of 300 sampled" in ended.out
    client.set("key:8", "another")
    client.delete("key:9")
    ended = verb("validate", "--target", str(target))
    ended.succeeded()
    assert "pages changed in the source since" in ended.out
    client.flushdb()
