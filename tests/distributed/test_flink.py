"""The pipelines on a local Flink, with workers of their own: the same store as by the local runner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import cache
from tests.pipelines.command import Started, start, until
from tests.pipelines.stored import page_files, stored
from tests.servers.flink import FlinkServer, WorkerPool
from tests.servers.neo4j import Neo4jServer
from tests.servers.objects import KEYS, ObjectServer
from tests.servers.samples import SampleDatabases

pytestmark = pytest.mark.flink

PASSWORD = "ENGRAM_MIGRATE_SOURCE_PASSWORD"


@pytest.fixture(scope="module")
def flink() -> Iterator[FlinkServer]:
    try:
        server = FlinkServer()
    except LookupError as missing:
        pytest.fail(str(missing), pytrace=False)
    with server:
        yield server


def migrating(
    flink: FlinkServer | None, pool: WorkerPool | None, target: Path, *arguments: str, password: str = ""
) -> Started:
    where = flink.flags(pool) if flink and pool else ("--parallel-workers", "1")
    return start(*arguments, "--target", str(target), *where, environment={PASSWORD: password})


def without_password(dsn: str) -> tuple[str, str]:
    """A password in an address would have to reach the workers in a variable of its own."""
    start, _, rest = dsn.partition("://")
    user, _, password = rest.rpartition("@")[0].partition(":")
    return f"{start}://{user}@{rest.rpartition('@')[2]}", password


def same_on_both(flink: FlinkServer, folder: Path, *arguments: str, password: str = "") -> None:
    """Asserts that Flink's workers, which have the password in their environment, make the same store."""
    with WorkerPool({PASSWORD: password}) as pool:
        migrating(flink, pool, folder / "flink", *arguments, password=password).end().succeeded()
    migrating(None, None, folder / "local", *arguments, password=password).end().succeeded()
    found = stored(folder / "flink")
    assert found.records
    assert found.differences(stored(folder / "local")) == []


def test_postgresql(flink: FlinkServer, sample_database: SampleDatabases, tmp_path: Path) -> None:
    address, password = without_password(sample_database("northwind"))
    source = ("pipelines.postgresql", "--source", address, "--batch-size", "100")
    same_on_both(flink, tmp_path, *source, password=password)


def test_neo4j(flink: FlinkServer, neo4j_server: Neo4jServer, tmp_path: Path) -> None:
    neo4j_server.empty()
    neo4j_server.run("UNWIND range(1, 3000) AS n CREATE (:P {n: n})-[:R {n: n}]->(:Q {name: 'q' + n})")
    source = ("pipelines.neo4j", "--source", neo4j_server.url, "--batch-size", "500")
    same_on_both(flink, tmp_path, *source, password=neo4j_server.password)
    neo4j_server.empty()


def test_workers_without_a_shared_disk(
    flink: FlinkServer, object_server: ObjectServer, bucket_url: str, tmp_path: Path
) -> None:
    cache.build(tmp_path / "shop.rdb", products=200)
    source = ("pipelines.redis", "--use-rdb", str(tmp_path / "shop.rdb"), "--batch-size", "50")
    mirror = tmp_path / "launcher" / "mirror"
    # The workers' environment has the keys; where the mirror is, only the launcher knows.
    with WorkerPool(KEYS) as pool:
        flags = ("--target", bucket_url, "--staging", str(mirror), *flink.flags(pool))
        start(*source, *flags, environment=KEYS).end().succeeded()
    migrating(None, None, tmp_path / "local", *source).end().succeeded()
    assert stored(mirror).differences(stored(tmp_path / "local")) == []


def test_redis_with_a_worker_killed_in_the_middle(flink: FlinkServer, tmp_path: Path) -> None:
    cache.build(tmp_path / "shop.rdb", products=5000)
    source = ("pipelines.redis", "--use-rdb", str(tmp_path / "shop.rdb"), "--batch-size", "50")
    target = tmp_path / "flink"
    with WorkerPool({}) as pool:
        running = migrating(flink, pool, target, *source)
        until(lambda: len(page_files(target)) > 40)
        for worker in pool.workers():
            worker.kill()
        ended = running.end()
        ended.failed(75, "the runner has given the job up", "run the same command again")
        before = page_files(target)
        assert len(before) < 400
        migrating(flink, pool, target, *source).end().succeeded()
    assert {name: before[name] for name in before} == {name: page_files(target)[name] for name in before}
    migrating(None, None, tmp_path / "local", *source).end().succeeded()
    assert stored(target).differences(stored(tmp_path / "local")) == []
