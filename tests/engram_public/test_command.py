"""Whole migrations to a double of the public server, as a user runs them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import cache
from engram_store.store import Store
from io_connectors.engram.public.envelope import unfold
from tests.engram_double.double import EngramDouble
from tests.engram_double.spaces import Quirks
from tests.pipelines.command import Started, start, until, verb

#: Keys and members of the shop's cache, without the three that have expired.
KEYS = 363


@pytest.fixture
def double() -> Iterator[EngramDouble]:
    with EngramDouble() as double:
        yield double


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of a small shop; some of its texts are nearly equal."""
    path = tmp_path_factory.mktemp("dump") / "shop.rdb"
    cache.build(path, products=80, made_at=1_790_000_000)
    return path


def migrating(dump: Path, url: str, folder: Path, *flags: str) -> Started:
    """A migration of the dump in one process."""
    source = ("--use-rdb", str(dump), "--run", "shop", "--zset-members-as-memories")
    return start("pipelines.redis", *source, *to(url, folder), "--parallel-workers", "1", *flags)


def to(url: str, folder: Path) -> tuple[str, ...]:
    return ("--target", url, "--staging", str(folder / "staging"))


def report(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "staging/runs/shop/report.json").read_text())
    return found


def test_from_refusal_to_reading_back(dump: Path, double: EngramDouble, tmp_path: Path) -> None:
    refused = migrating(dump, double.url, tmp_path).end()
    refused.failed(8, "would absorb", "--on-absorbed disambiguate", "is staged in")
    assert double.spaces == {}

    double.quirks.loses.add("redis_product:3")
    lost = migrating(dump, double.url, tmp_path, "--on-absorbed", "disambiguate").end()
    assert lost.code == 6, lost
    assert f"✗ every memory was read back from the Engram server: {KEYS - 1} stored" in lost.out
    assert "1 lost" in lost.out and "lost: redis/redis_product:3" in lost.out
    assert report(tmp_path)["valid"] is False

    double.quirks.loses.clear()
    done = migrating(dump, double.url, tmp_path, "--on-absorbed", "disambiguate").end()
    done.succeeded()
    assert f"  ✓ every memory was read back from the Engram server: {KEYS} stored" in done.out
    assert " 0 of them in this attempt" in done.out and report(tmp_path)["valid"] is True
    assert len(double.ids("redis")) == KEYS
    assert _all_edges_left_with_their_memories(double, tmp_path / "staging")

    here = to(double.url, tmp_path)
    assert verb("spaces", *here).out.split() == [str(KEYS), "redis"]
    told = verb("explain", f"redis/{_some_edge(tmp_path / 'staging')}", *here)
    told.succeeded()
    assert (
        "record:  zset [" in told.out and "✓ the staging store gives back what the source holds" in told.out
    )
    verb("undo", "shop", *here).failed(2, "cannot be taken back")
    verb("finalize", *here).succeeded()
    assert len(double.ids("redis")) == KEYS
    assert {method for method, _ in double.state.asked} == {"GET", "POST"}


def test_what_is_damaged_on_the_server_is_found_and_named(
    dump: Path, double: EngramDouble, tmp_path: Path
) -> None:
    migrating(dump, double.url, tmp_path, "--on-absorbed", "disambiguate").end().succeeded()
    here = (*to(double.url, tmp_path), "--without-source")
    verb("validate", *here).succeeded()
    memories, sent = double.spaces["redis"].memories, len(double.state.written)
    dropped, turned = sorted(memories)[:2]
    del memories[dropped]
    memories[turned] = memories[turned]._replace(vector=-memories[turned].vector)
    found = verb("validate", *here)
    assert found.code == 6, found
    assert f"lost: redis/{dropped}" in found.out and f"differing: redis/{turned}: its embedding" in found.out
    assert len(double.state.written) == sent, "validating sends nothing"


def test_a_delivery_that_is_killed_goes_on(dump: Path, tmp_path: Path) -> None:
    with EngramDouble(Quirks(seconds=0.05)) as double:
        process = migrating(dump, double.url, tmp_path, "--on-absorbed", "disambiguate")
        until(lambda: len(double.state.written) >= 230 or not process.running())
        assert process.running(), process.end()
        process.signal(signal.SIGKILL)
        process.end()
        migrating(dump, double.url, tmp_path, "--on-absorbed", "disambiguate").end().succeeded()
        # What was under way, and what was sent since the last entry in the ledger, was found there.
        assert len(double.state.written) <= KEYS + 8
        assert len(double.ids("redis")) == KEYS


def _some_edge(staging: Path) -> str:
    with Store.open(staging).reader() as reader:
        edges = (edge for memory in reader.scan("redis") for edge in reader.edges("redis", memory.id))
        return next(edges).id


def _all_edges_left_with_their_memories(double: EngramDouble, staging: Path) -> bool:
    edges = 0
    with Store.open(staging).reader() as reader:
        for id, memory in double.spaces["redis"].memories.items():
            opened = unfold("redis", id, memory.confidence, [memory.content])
            assert list(opened.edges) == reader.edges("redis", id)
            edges += len(opened.edges)
        return edges == sum(reader.edge_counts().values()) > 50
