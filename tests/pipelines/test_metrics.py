"""What Prometheus is told while a migration runs, and what becomes of an address that cannot be had."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from engram_store.errors import ConfigurationError
from pipelines.metrics import serving_metrics
from pipelines.progress import State
from pipelines.settings.kinds import Listening
from pipelines.status import Status
from tests.pipelines.command import migrate, migration, start, until
from tests.pipelines.conftest import PAGE
from tests.pipelines.stored import only_run
from tests.servers.ports import free_port

_STATE = State(
    done=3, total=10, rate=1.5, eta=4.0, memory=1_000, dead_letters=1, pages=2, planned_pages=5, memories=20,
    edges=30, bytes=40,
)  # fmt: skip


def told(port: int) -> dict[str, float]:
    """What stands at an address, by name; {} where nobody answers."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    except httpx.TransportError:
        return {}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert all(sample.labels["run"] for sample in samples)
    return {sample.name: sample.value for sample in samples}


def test_the_last_state_is_told_as_long_as_the_block_lasts() -> None:
    port = free_port()
    with serving_metrics(f"127.0.0.1:{port}", "shop-1") as observed:
        assert told(port) == {}
        observed(_STATE)
        assert told(port) == {
            "engram_migrate_records_planned": 10,
            "engram_migrate_records_read_total": 3,
            "engram_migrate_memories_written_total": 20,
            "engram_migrate_edges_written_total": 30,
            "engram_migrate_pages_planned": 5,
            "engram_migrate_pages_written_total": 2,
            "engram_migrate_dead_letters_total": 1,
            "engram_migrate_written_bytes_total": 40,
            "engram_migrate_records_per_second": 1.5,
            "engram_migrate_resident_memory_bytes": 1_000,
        }
    assert told(port) == {}
    with serving_metrics("", "shop-1") as observed:
        observed(_STATE)


def test_a_migration_can_be_asked_while_it_runs(shop_database: str, target: Path) -> None:
    port = free_port()
    process = start(*migration(shop_database, target, *PAGE, "--metrics-addr", str(port)))
    seen: dict[str, float] = {}

    def under_way() -> bool:
        seen.update(told(port))
        return seen.get("engram_migrate_records_read_total", 0) > 0

    until(under_way)
    assert seen["engram_migrate_records_planned"] == 21_642
    assert 0 < seen["engram_migrate_pages_written_total"] <= seen["engram_migrate_pages_planned"]
    assert seen["engram_migrate_resident_memory_bytes"] > 50_000_000
    status = Status.of(only_run(target))
    assert status.state == "unfinished" and status.planned is not None
    assert 0 < status.pages <= status.planned and status.counts["memories"] > 0
    process.end().succeeded()
    assert told(port) == {}
    assert Status.of(only_run(target)).state == "complete"


def test_a_taken_address_is_one_clear_error(shop_database: str, target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = migrate(shop_database, target, *PAGE, "--metrics-addr", address)
    ended.failed(2, f"the address `{address}` cannot be listened at", "in use")


def test_an_address_of_another_machine_is_refused() -> None:
    with (
        pytest.raises(ConfigurationError, match="cannot be listened at"),
        serving_metrics("192.0.2.1:9105", "shop-1"),
    ):
        pass


@pytest.mark.parametrize(
    ("given", "address"),
    [("9105", "127.0.0.1:9105"), (":9105", "127.0.0.1:9105"), ("0.0.0.0:1", "0.0.0.0:1"), ("", "")],
)
def test_a_port_alone_is_one_of_this_machine(given: str, address: str) -> None:
    assert Listening().parse(given) == address
    assert Listening().check(address) == address


@pytest.mark.parametrize("given", ["x", "localhost", "localhost:", "host:0", "host:65536", "host:-1", "²", 0])
def test_what_is_no_address_is_refused(given: str | int) -> None:
    with pytest.raises(ValueError, match="host:port"):
        Listening().check(given)
