"""PostgreSQL and Neo4j to a double of the public server: all memories, with their edges, and valid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo import shop
from engram_store.model import Edge
from engram_store.store import Store
from io_connectors.engram.public.envelope import unfold
from tests.engram_double.double import EngramDouble
from tests.neo4j.town import make_town
from tests.pipelines.command import run, verb
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import WheelPostgres

_FLAGS = ("--parallel-workers", "1", "--on-absorbed", "disambiguate")


@pytest.fixture
def town(neo4j_server: Neo4jServer) -> Iterator[Neo4jServer]:
    """Seventy residents of a town, sixty of whom have stayed."""
    neo4j_server.empty()
    make_town(neo4j_server, 70)
    yield neo4j_server
    neo4j_server.empty()


def test_postgresql(wheel_postgres: WheelPostgres, double: EngramDouble, tmp_path: Path) -> None:
    dsn = wheel_postgres.create_database("shop_to_public")
    with psycopg.connect(dsn) as connection:
        shop.build(connection, 5)
    migrated("pipelines.postgresql", dsn, double, tmp_path)
    assert {"customers", "orders", "products"} < double.spaces.keys()


def test_neo4j(town: Neo4jServer, double: EngramDouble, tmp_path: Path) -> None:
    password = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": town.password}
    edges = migrated("pipelines.neo4j", town.url, double, tmp_path, password)
    assert Counter(edge.type for edge in edges) == {"NEXT_TO": 50, "KNOWS": 60}


def migrated(
    pipeline: str,
    source: str,
    double: EngramDouble,
    folder: Path,
    environment: dict[str, str] | None = None,
) -> list[Edge]:
    """Migrates, compares the server with the staging store, validates; gives all edges of the server."""
    staging = folder / "staging"
    target = ("--target", double.url, "--staging", str(staging))
    flags = (*_FLAGS, "--report-dir", str(folder / "report"))
    ended = run(pipeline, "--source", source, *target, *flags, environment=environment)
    ended.succeeded()
    assert "✗" not in ended.out and "0 differing, 0 not listed" in ended.out
    edges: list[Edge] = []
    with Store.open(staging).reader() as reader:
        assert reader.spaces() == {name: len(space.memories) for name, space in double.spaces.items()}
        for name, space in double.spaces.items():
            for id, memory in space.memories.items():
                leaving = unfold(name, id, memory.confidence, [memory.content]).edges
                assert list(leaving) == reader.edges(name, id)
                edges += leaving
        assert len(edges) == sum(reader.edge_counts().values()) > 0
    verb("validate", *target, environment=environment).succeeded()
    return edges
