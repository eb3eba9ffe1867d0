"""Names and values of a source are data: in SQL, in Cypher, in Redis' protocol, in paths, on pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pipelines import neo4j, postgresql
from tests.pipelines.stored import report, stored
from tests.redis.migrations import in_process
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import DebianPostgres
from tests.servers.redis import RedisServer

HOSTILE = [
    "x'; DROP TABLE victim; --",
    'x"; DROP TABLE victim; --',
    "x`) DETACH DELETE n //",
    "$(touch hurt) `touch hurt` ; touch hurt",
    "../../../hurt",
    "%s %(x)s {0} {x} $1 :1",
    "<script>hurt()</script>",
    "a\r\nFLUSHALL\r\n",
]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "inner" / "store"


@pytest.fixture(autouse=True)
def nothing_beside_the_store(tmp_path: Path, target: Path) -> Callable[[], None]:
    """Asserts at the end of a test that nothing was written but the store."""

    def check() -> None:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert files and all(target in path.parents for path in files)

    return check


def test_postgresql(
    debian_postgres: DebianPostgres, target: Path, nothing_beside_the_store: Callable[[], None]
) -> None:
    dsn = debian_postgres.create_database("hostile", "CREATE TABLE victim (id int PRIMARY KEY)")
    names = [name for name in HOSTILE if len(name) < 50]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO victim VALUES (1)")
        for name in names:
            table, column = sql.Identifier(name), sql.Identifier(f"{name} column")
            create = "CREATE TABLE {} (id int PRIMARY KEY, {} text, v int REFERENCES victim)"
            connection.execute(sql.SQL(create).format(table, column))
            insert = "INSERT INTO {} VALUES (1, {}, 1)"
            connection.execute(sql.SQL(insert).format(table, sql.Literal(name)))
    spaces = ["--memory-space", "all_of_it", "--parallel-workers", "1"]
    assert postgresql.main(["--source", dsn, "--target", str(target), *spaces]) == 0
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM victim").fetchone() == (1,)
    assert {f"public.{name}" for name in names} <= set(stored(target).kinds)
    assert sum(stored(target).types.values()) == len(names)
    nothing_beside_the_store()
    debian_postgres.drop_database("hostile")


def test_neo4j(neo4j_server: Neo4jServer, target: Path, nothing_beside_the_store: Callable[[], None]) -> None:
    neo4j_server.empty()
    for name in HOSTILE:
        quoted = "`" + name.replace("`", "``") + "`"
        neo4j_server.run(f"CREATE (n:{quoted} {{{quoted}: $v}})-[:{quoted} {{{quoted}: $v}}]->(n)", v=name)
    flags = ["--parallel-workers", "1"]
    address = neo4j_server.url.replace("//", f"//{neo4j_server.user}:{neo4j_server.password}@")
    assert neo4j.main(["--source", address, "--target", str(target), *flags]) == 0
    assert neo4j_server.run("MATCH (n) RETURN count(n)") == [[len(HOSTILE)]]
    assert set(stored(target).types) == set(HOSTILE)
    nothing_beside_the_store()
    neo4j_server.empty()


@pytest.mark.parametrize("match", [None, *HOSTILE])
def test_redis(redis_server: RedisServer, target: Path, match: str | None) -> None:
    client = redis_server.client()
    client.flushall()
    for name in HOSTILE:
        client.set(name, name)
        client.hset(f"{name} hash", name, name)
    flags = () if match is None else ("--match", match)
    assert in_process("--source", redis_server.url, "--target", target, *flags) in (0, 2)
    assert client.dbsize() == 2 * len(HOSTILE)
    if match is None:
        assert len(stored(target).records) == 2 * len(HOSTILE)
        assert report(target)["valid"]
    client.flushall()
