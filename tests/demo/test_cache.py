"""The demo's cache is the same every time, and a dump that a server loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import cache
from io_connectors.redis.rdb import index_file
from tests.servers.redis import RedisServer, find_program

MADE_AT = 1_790_000_000


def test_same_arguments_make_the_same_file(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.rdb", "b.rdb", "c.rdb")]
    for path, seed in zip(paths, (7, 7, 8), strict=True):
        cache.build(path, products=20, seed=seed, made_at=MADE_AT)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again != other


def test_every_type_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.rdb"
    keys = cache.build(path, products=50, made_at=MADE_AT)
    index = index_file(path)
    tally = index.databases[0]
    assert index.keys == keys == 208
    assert index.aux["ctime"] == str(MADE_AT)
    assert tally.types == {"hash": 50, "string": 101, "list": 50, "zset": 1, "set": 5, "stream": 1}
    assert tally.expiring == 150


@pytest.mark.skipif(find_program() is None, reason="no redis-server; run scripts/setup-servers.sh")
def test_server_loads_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.rdb"
    keys = cache.build(path, products=50)
    with RedisServer(dump=path) as server, server.client() as client:
        assert client.dbsize() == keys - cache.EXPIRED_SESSIONS
        assert client.hlen("product:3") == client.llen("cart:3") == 3
        assert client.xlen("orders") == 20
        assert client.zcard(cache.LEADERBOARD) > 10


def test_command_says_how_many_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cache.main([str(tmp_path / "shop.rdb"), "--products", "10"]) == 0
    assert capsys.readouterr().out == "48 keys\n"
