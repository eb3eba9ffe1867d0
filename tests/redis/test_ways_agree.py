"""The same keys, read from a dump file and from append-only files, are the same store, record by record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.stored import stored
from tests.redis.filled import fill
from tests.redis.migrations import in_process
from tests.servers.redis import RedisServer, find_program

pytestmark = pytest.mark.skipif(
    find_program() is None, reason="no redis-server; run scripts/setup-servers.sh"
)


@pytest.mark.parametrize("rewritten", [False, True])
def test_dump_and_append_only_files_give_the_same_store(tmp_path: Path, rewritten: bool) -> None:
    with RedisServer(("appendonly yes", "appendfsync always")) as server:
        with server.client() as client, server.client(3) as other:
            fill(client)
            if rewritten:
                client.bgrewriteaof()
            other.set("in another database", 1, px=10**10)
            client.copy("list:short", "copied")
            client.rename("hash:short", "renamed")
            client.delete("set:short")
            folder = Path(client.config_get("dir")["dir"])
        dump = server.save()
        flags = ("--source-db", "all", "--zset-members-as-memories", "--hash-fields-as-memories")
        assert in_process("--use-rdb", dump, "--target", tmp_path / "dump", *flags) == 0
        assert in_process("--use-aof", folder, "--target", tmp_path / "commands", *flags) == 0
    assert stored(tmp_path / "commands").differences(stored(tmp_path / "dump")) == []
    assert len(stored(tmp_path / "dump").records) > 1_000
