"""Graphs and targets for the tests of Neo4j."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.neo4j import Neo4jServer


@pytest.fixture
def graph(neo4j_server: Neo4jServer) -> Iterator[Neo4jServer]:
    """The shared server, empty before and after."""
    neo4j_server.empty()
    yield neo4j_server
    neo4j_server.empty()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a store may be made; nothing is there yet."""
    return tmp_path / "store"
