"""The checks that are asked for, on real sources: made, or said why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo import cache, shop
from engram_store.errors import SourceError
from pipelines.__main__ import main
from pipelines.again import kept
from pipelines.asked_checks import asked_checks
from pipelines.settings.model import Settings
from tests.pipelines.stored import only_run, report
from tests.servers.postgres import WheelPostgres
from tests.servers.redis import RedisServer

ASKED = ("--check-latency", "--check-meaning", "--parallel-workers", "1")


def checks(target: Path) -> Mapping[str, Any]:
    found: Any = report(target)["checks"]
    return {check["name"]: check for check in found}


@pytest.fixture(scope="module")
def migrated(wheel_postgres: WheelPostgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dsn = wheel_postgres.create_database("asked")
    with psycopg.connect(dsn) as connection:
        shop.build(connection, 40)
    target = tmp_path_factory.mktemp("asked") / "store"
    assert main(["postgresql", "--source", dsn, "--target", str(target), *ASKED]) in (0, 6)
    return target


def test_both_are_made_at_the_end_of_a_migration(migrated: Path) -> None:
    made = checks(migrated)
    told = made["look-ups take at most twice the source's time"]
    assert all(kind in told["found"] for kind in ("by id ", "neighbours ", "filter ")), told
    meaning = made["memories recall themselves"]
    assert meaning["passed"], meaning
    assert "self-recall@1 " in meaning["found"] and "neighbours' recall@10 " in meaning["found"]


def test_they_are_made_only_when_asked_for(migrated: Path) -> None:
    with kept(only_run(migrated), str(migrated), ()) as again:
        assert asked_checks(Settings(), again.home, again.run, again.source) == ()
        (check,) = asked_checks(Settings(check_meaning=True), again.home, again.run, again.source)
        assert check.name == "memories recall themselves" and check.passed


def test_what_cannot_be_made_has_not_passed_and_says_why(migrated: Path) -> None:
    class Gone:
        def by_key(self, kind: str, key: str) -> int | None:
            raise SourceError("looking up single rows failed", why="the server is gone")

    with kept(only_run(migrated), str(migrated), ()) as again:
        gone: Any = Gone()
        (check,) = asked_checks(
            Settings(check_latency=True), again.home, again.run, replace(again.source, lookups=gone)
        )
    assert not check.passed and check.found == "it could not be made"
    assert check.details == ("looking up single rows failed", "  why: the server is gone")


def test_a_dump_file_has_no_look_ups(tmp_path: Path) -> None:
    cache.build(tmp_path / "shop.rdb", products=20)
    target = tmp_path / "store"
    assert main(["redis", "--use-rdb", str(tmp_path / "shop.rdb"), "--target", str(target), *ASKED]) == 0
    made = checks(target)
    told = made["look-ups take at most twice the source's time"]
    assert told["passed"] and told["found"] == "not compared: the source answers no single questions"
    assert "self-recall@1 1.00" in made["memories recall themselves"]["found"]


def test_a_live_redis_is_looked_up(redis_server: RedisServer, tmp_path: Path) -> None:
    client = redis_server.client(db=12)
    for number in range(300):
        client.set(f"asked:{number}", json.dumps({"name": f"number {number}"}))
    arguments = ("--source", redis_server.url, "--source-db", "12", "--target", str(tmp_path / "store"))
    assert main(["redis", *arguments, *ASKED]) in (0, 6)
    told = checks(tmp_path / "store")["look-ups take at most twice the source's time"]["found"]
    client.flushdb()
    assert "by id " in told and "filter " in told and "neighbours" not in told
