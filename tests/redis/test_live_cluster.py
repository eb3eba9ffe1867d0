"""A cluster of three primaries on the loopback address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from engram_store.errors import SourceError
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.cluster import open_nodes, slot_of
from io_connectors.redis.live.keyspace import open_live
from tests.pipelines.command import until
from tests.pipelines.stored import stored
from tests.redis.migrations import migrate
from tests.redis.reading import ordered, pages_of, read_dump
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer, find_program

_SLOTS = 16384
_KEYS = 2_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[RedisServer]]:
    """Three nodes, with keys in each."""
    if find_program() is None:
        pytest.skip("no redis-server; run scripts/setup-servers.sh")
    with ExitStack() as running:
        config = ("cluster-enabled yes", "cluster-node-timeout 2000")
        nodes = [
            running.enter_context(RedisServer((*config, f"cluster-port {free_port()}"))) for _ in range(3)
        ]
        _join(nodes)
        for number in range(_KEYS):
            key = f"key:{number}" if number % 3 else f"{{tag:{number % 10}}}:{number}"
            _owner(nodes, key.encode()).execute_command("SET", key, f"text {number}")
        yield nodes


def _ask(node: RedisServer) -> Any:
    return node.client().execute_command


def _join(nodes: list[RedisServer]) -> None:
    bounds = [number * _SLOTS // len(nodes) for number in range(len(nodes) + 1)]
    for number, node in enumerate(nodes):
        node.client().execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        node.client().execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        _, bus = _ask(nodes[0])("CONFIG", "GET", "cluster-port")
        node.client().execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, bus)
    until(lambda: all(_is_whole(node) for node in nodes))


def _is_whole(node: RedisServer) -> Any:
    info = _ask(node)("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info


def _owner(nodes: list[RedisServer], key: bytes) -> Any:
    return nodes[slot_of(key) * len(nodes) // _SLOTS].client()


def test_slots_are_those_of_the_server(cluster: list[RedisServer]) -> None:
    for key in (b"", b"a", b"{tag}:1", b"a{}b", b"{a", b"a}b{c}", b"{{x}}", b"\xff{\x00}\xff"):
        assert slot_of(key) == cluster[0].client().execute_command("CLUSTER", "KEYSLOT", key)


def test_every_node_is_read_whichever_is_named(cluster: list[RedisServer]) -> None:
    expected = ordered([row for node in cluster for row in read_dump(node)])
    assert len(expected) == _KEYS
    for node in cluster:
        pages = pages_of(RedisAddress.parse(node.url), Selection())
        assert ordered([row for page in pages for row in page.rows]) == expected


def test_migration(cluster: list[RedisServer], target: Any) -> None:
    migrate(target, "--source", cluster[1].url, "--match", "{tag:*").succeeded()
    assert len(stored(target).records) == len(range(0, _KEYS, 3))


def test_database_that_a_cluster_does_not_have(cluster: list[RedisServer]) -> None:
    with (
        pytest.raises(SourceError, match="failed") as failed,
        open_live(RedisAddress.parse(cluster[0].url), Selection((1,)), 10, None),
    ):
        pass
    assert "database 0 only" in failed.value.suggestion


def test_slot_that_moves_while_keys_are_listed_is_refused(cluster: list[RedisServer]) -> None:
    nodes = open_nodes(RedisAddress.parse(cluster[0].url))
    nodes.check_settled()
    there = _ask(cluster[1])("CLUSTER", "MYID").decode()
    _ask(cluster[0])("CLUSTER", "SETSLOT", 5, "MIGRATING", there)
    with pytest.raises(SourceError, match="being moved between nodes"):
        nodes.check_settled()
    nodes.close()
    _ask(cluster[0])("CLUSTER", "SETSLOT", 5, "STABLE")


def test_keys_whose_slot_has_moved_are_found_at_its_new_node(cluster: list[RedisServer]) -> None:
    """The reader was told another node: it asks again who has which slots."""
    with open_live(RedisAddress.parse(cluster[0].url), Selection(), 100, None) as live:
        plan = live.plan({}, anew=False)
        with_moved = plan.open_reader()
        first, *others = plan.pages.items()
        rows = list(with_moved.read(first[0], first[1].place).rows)
        _move(cluster, slot=slot_of(b"{tag:3}"))
        for page_id, page in others:
            read = with_moved.read(page_id, page.place)
            assert not read.gone and not read.dead_letters
            rows += read.rows
        with_moved.close()
    assert len({row[1] for row in rows}) == len(rows) == _KEYS


def _move(nodes: list[RedisServer], slot: int) -> None:
    """Moves a slot with its keys to the next node."""
    at = slot * len(nodes) // _SLOTS
    here, there = nodes[at], nodes[(at + 1) % len(nodes)]
    ids = {node.port: _ask(node)("CLUSTER", "MYID").decode() for node in nodes}
    _ask(there)("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[here.port])
    _ask(here)("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[there.port])
    keys = _ask(here)("CLUSTER", "GETKEYSINSLOT", slot, 10_000)
    _ask(here)("MIGRATE", "127.0.0.1", there.port, "", 0, 5000, "KEYS", *keys)
    for node in (there, here, *nodes):
        _ask(node)("CLUSTER", "SETSLOT", slot, "NODE", ids[there.port])


def test_node_that_is_missing(cluster: list[RedisServer]) -> None:
    _ask(cluster[0])("CLUSTER", "DELSLOTS", 7)
    with pytest.raises(SourceError, match="not every slot") as failed:
        open_nodes(RedisAddress.parse(cluster[0].url))
    _ask(cluster[0])("CLUSTER", "ADDSLOTS", 7)
    assert failed.value.why == "1 of 16,384 have none; their keys cannot be read"
