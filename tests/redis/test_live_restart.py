"""The server goes away in the middle."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from engram_store.errors import Interrupted
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.live import reader
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.keyspace import open_live
from io_connectors.retry import RetryPolicy
from tests.pipelines.command import stopped
from tests.pipelines.stored import kept, page_files, stored
from tests.redis.filled import fill
from tests.redis.migrations import migrate, started
from tests.servers.redis import RedisServer

_KEYS = 20_000


def _filled(server: RedisServer) -> RedisServer:
    fill(server.client())
    server.client().mset({f"key:{number}": f"text {number}" for number in range(_KEYS)})
    server.save()
    return server


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "crash"])
def test_server_restarts_in_the_middle(
    own_redis: RedisServer, target: Path, tmp_path: Path, how: signal.Signals
) -> None:
    process = started(target, 10, "--source", _filled(own_redis).url, "--batch-size", "200")
    own_redis.stop(how)
    pages = page_files(target)
    own_redis.start()
    assert process.running(), process.end()
    process.end().succeeded()
    assert 10 <= len(pages) < len(page_files(target))
    assert kept(pages, page_files(target))
    migrate(tmp_path / "undisturbed", "--source", own_redis.url).succeeded()
    assert stored(target).differences(stored(tmp_path / "undisturbed")) == []


def test_killed_migration_goes_on_after_a_restart_of_the_server(
    own_redis: RedisServer, target: Path, tmp_path: Path
) -> None:
    """The server's cursors mean other keys then: pages must not depend on them."""
    process = started(target, 10, "--source", _filled(own_redis).url, "--batch-size", "200")
    stopped(process, signal.SIGKILL)
    pages = page_files(target)
    own_redis.restart()
    migrate(target, "--source", own_redis.url, "--batch-size", "200").succeeded()
    assert len(pages) < len(page_files(target)) and kept(pages, page_files(target))
    migrate(tmp_path / "undisturbed", "--source", own_redis.url).succeeded()
    assert stored(target).differences(stored(tmp_path / "undisturbed")) == []
    assert not list(target.glob("runs/*/keys"))


def test_server_that_stays_away_ends_the_run_resumably(
    own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PATIENT", RetryPolicy(attempts=2, first_wait=0.01))
    own_redis.client().mset({f"key:{number}": number for number in range(100)})
    with open_live(RedisAddress.parse(own_redis.url), Selection(), 10, tmp_path) as live:
        plan = live.plan({}, anew=False)
        (first, page), (second, other), *_ = plan.pages.items()
        pages = plan.open_reader()
        assert len(pages.read(first, page.place)) == page.rows
        own_redis.stop(signal.SIGKILL)
        with pytest.raises(Interrupted, match="the same command again") as failed:
            pages.read(second, other.place)
        assert "Connection refused" in failed.value.why
        own_redis.start()
        assert pages.read(second, other.place).gone == other.rows
        pages.close()


def test_server_that_is_away_at_first_is_an_error(own_redis: RedisServer, target: Path) -> None:
    own_redis.stop()
    migrate(target, "--source", own_redis.url).failed(3, "Connection refused", f"`{own_redis.url}`")
    assert not target.exists()
