"""A hundred kills at random moments of one migration of each source: nothing lost, twice or left over.

``ENGRAM_ENDURANCE_SEED`` repeats a run, as far as the machine lets moments be repeated;
``ENGRAM_ENDURANCE_KILLS`` sets how many.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from demo import cache
from tests.endurance.attempts import Kills, Moment, Target
from tests.neo4j.town import make_town
from tests.pipelines.command import start
from tests.pipelines.conftest import make_shop
from tests.pipelines.stored import report, stored
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import DebianPostgres
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.endurance

KILLS = int(os.environ.get("ENGRAM_ENDURANCE_KILLS", "100"))
SEED = int(os.environ.get("ENGRAM_ENDURANCE_SEED", str(time.time_ns() % 1_000_000)))
#: Seconds from the start in which an attempt may be killed before it has done anything.
_START = 4.0
#: Most new pages between two kills.
_PAGES = 20
#: What remains to be killed when all pages are there: of a hundred kills, and within how many seconds.
_LATE = {"commit": (6, 0.05), "finalize": (8, 0.2), "check": (8, 0.2), "report": (3, 0.05)}
_OVERHEAD = 10.0


def moments(random: Random, kills: int) -> list[Moment]:
    """When to kill, last first: in planning, reading and writing by chance, then in what ends a run."""
    late = [
        Moment(phase, 0, random.uniform(0.0, longest))
        for phase, (share, longest) in _LATE.items()
        for _ in range(share * kills // 100)
    ]
    early = [_early(random) for _ in range(kills - len(late))]
    return [*reversed(late), *early]


def _early(random: Random) -> Moment:
    phase = random.choices(("start", "plan", "pages"), (3, 2, 4))[0]
    longest = {"start": _START, "plan": 0.3, "pages": 0.1}[phase]
    return Moment(phase, random.randint(1, _PAGES), random.uniform(0.0, longest))


def killed_a_hundred_times(
    folder: Path, *command: str, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Migrates under fire into one store, undisturbed into another, and compares the two."""
    random = Random(SEED)
    target = Target(folder / "store", folder / "tmp")
    target.temporary.mkdir()
    here = {**environment, "TMPDIR": str(target.temporary)}
    kills = Kills(target, (*command, "--target", str(target.store)), here, random)
    begun, planned = time.monotonic(), moments(random, KILLS)
    while planned:
        # What has ended well does not come to that moment again; the same command is killed all the same.
        if not kills.kill(planned.pop()):
            planned.append(Moment("start", 0, random.uniform(0.0, _START)))
    kills.finish().succeeded()
    start(*command, "--target", str(folder / "undisturbed"), environment=environment).end().succeeded()
    assert stored(target.store).differences(stored(folder / "undisturbed")) == []
    assert report(target.store)["valid"]
    # Of very few kills none may have come before a new page.
    overheads = kills.overheads or [0.0]
    with capsys.disabled():
        print(
            f"\nseed {SEED}: {sum(kills.phases.values())} kills {dict(kills.phases)} {dict(kills.victims)},"
            f" {kills.ended} ended well, {target.pages()} pages, {time.monotonic() - begun:.0f} s;"
            f" first new page after {statistics.median(overheads):.1f} s (median),"
            f" {max(overheads):.1f} s (most); left: {target.left()}"
        )
    assert not target.left()
    assert statistics.median(overheads) < _OVERHEAD


@pytest.fixture
def under_fire(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """``under_fire(*command, password="")`` is the test of one source."""

    def go(*command: str, password: str = "") -> None:
        environment = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": password} if password else {}
        killed_a_hundred_times(tmp_path, *command, environment=environment, capsys=capsys)

    return go


def test_postgresql(debian_postgres: DebianPostgres, under_fire: Callable[..., None]) -> None:
    database = make_shop(debian_postgres, "killed_a_hundred_times", customers=3_000)  # 60,000 rows
    under_fire("pipelines.postgresql", "--source", database, "--batch-size", "25")


def test_neo4j(neo4j_server: Neo4jServer, under_fire: Callable[..., None]) -> None:
    neo4j_server.empty()
    make_town(neo4j_server, people=12_000)
    under_fire(
        "pipelines.neo4j",
        "--source",
        neo4j_server.url,
        "--batch-size",
        "12",
        password=neo4j_server.password,
    )
    neo4j_server.empty()


def test_redis_dump(tmp_path: Path, under_fire: Callable[..., None]) -> None:
    cache.build(tmp_path / "large.rdb", products=7_000, made_at=1_790_000_000)  # 28,000 keys
    under_fire(
        "pipelines.redis", "--use-rdb", str(tmp_path / "large.rdb"), "--ttl-as-decay", "--batch-size", "15"
    )


def test_redis_live(own_redis: RedisServer, under_fire: Callable[..., None]) -> None:
    own_redis.client().mset({f"key:{number}": f"text {number}" for number in range(28_000)})
    under_fire("pipelines.redis", "--source", own_redis.url, "--batch-size", "15")
