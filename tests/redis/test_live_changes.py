"""A keyspace that changes while it is read: nothing that stays is missed, and nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from io_connectors.redis.keyspace import Selection
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.keyspace import LiveKeyspace, open_live
from tests.pipelines.stored import report, stored
from tests.redis.migrations import migrate
from tests.redis.reading import pages_of
from tests.servers.redis import RedisServer

_STEADY = 3_000


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A server with some keys that stay."""
    redis_server.client().flushall()
    redis_server.client().mset({f"steady:{number}": number for number in range(_STEADY)})
    yield redis_server
    redis_server.client().flushall()


@pytest.fixture
def live(server: RedisServer, tmp_path: Path) -> Iterator[LiveKeyspace]:
    with open_live(RedisAddress.parse(server.url), Selection(), 100, tmp_path) as opened:
        yield opened


class _Writer(Thread):
    """A client that makes the keyspace many times as large, and small again, over and over."""

    def __init__(self, server: RedisServer, times: int = 50) -> None:
        super().__init__()
        self._times = times
        self._client = server.client()
        self._ended = Event()
        self.rounds = 0

    def run(self) -> None:
        names = [f"passing:{number}" for number in range(self._times * _STEADY)]
        while not self._ended.is_set():
            for start in range(0, len(names), 1000):
                self._client.mset(dict.fromkeys(names[start : start + 1000], "x"))
            for start in range(0, len(names), 1000):
                self._client.delete(*names[start : start + 1000])
            self.rounds += 1

    def __enter__(self) -> _Writer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def test_keys_that_stay_are_read_once_while_the_keyspace_grows_and_shrinks(server: RedisServer) -> None:
    address = RedisAddress.parse(server.url)
    gone = 0
    with _Writer(server) as writer:
        while writer.rounds < 3:
            pages = pages_of(address)
            keys = [row[1] for page in pages for row in page.rows]
            assert len(keys) == len(set(keys))
            assert sum(isinstance(key, bytes) and key.startswith(b"steady:") for key in keys) == _STEADY
            gone += sum(page.gone for page in pages)
    assert gone


def test_what_comes_and_goes_is_counted(server: RedisServer, live: LiveKeyspace) -> None:
    plan = live.plan({}, anew=False)
    assert plan.recount is not None
    assert (plan.recount().keys, plan.recount().changes) == (_STEADY, ())
    server.client().delete("steady:7")
    server.client().pexpire("steady:8", 1)
    server.client().set("late", 1)
    server.client(1).set("elsewhere", 1)
    reader = plan.open_reader()
    pages = {page_id: reader.read(page_id, page.place) for page_id, page in plan.pages.items()}
    reader.close()
    assert sum(map(len, pages.values())) == _STEADY - 2
    assert sum(page.gone for page in pages.values()) == 2
    after = plan.recount()
    assert after.keys == _STEADY - 1
    assert {page_id for page_id, page in pages.items() if page.gone} <= after.changed_pages
    (change,) = after.changes
    assert change.startswith("database 0: keys 3,000 → 2,999; other keys in ")


def test_database_that_was_empty_is_a_change(server: RedisServer, tmp_path: Path) -> None:
    with open_live(RedisAddress.parse(server.url), Selection(None), 100, tmp_path) as live:
        plan = live.plan({}, anew=False)
        assert plan.recount is not None
        server.client(5).set("late", 1)
        assert plan.recount().changes == ("database 5: keys 0 → 1; other keys in 0 of 0 pages",)


def test_pages_are_found_again(server: RedisServer, live: LiveKeyspace) -> None:
    """Also after a restart, when SCAN's cursors mean other keys; only pages that changed are read again."""
    first = live.plan({}, anew=False)
    again = live.plan(first.boundaries, anew=False)
    assert again.pages.keys() == first.pages.keys() and again.boundaries == first.boundaries
    server.client().set("late", 1)
    later = live.plan(first.boundaries, anew=False)
    assert len(later.pages.keys() - first.pages.keys()) == 1
    anew = live.plan(first.boundaries, anew=True)
    assert not anew.pages.keys() & later.pages.keys()
    assert anew.as_of > first.as_of and anew.boundaries["reading"] == 2


def test_report_says_what_changed(server: RedisServer, target: Path) -> None:
    with _Writer(server, times=3):
        ended = migrate(target, "--source", server.url, "--batch-size", "200")
    ended.succeeded()
    assert "database 0: keys " in ended.out
    changes: Any = report(target)["changes"]
    (change,) = changes
    assert "other keys in" in change
    names = {name.partition("redis_")[2] for name in stored(target).records}
    assert {f"steady:{number}" for number in range(_STEADY)} <= names
