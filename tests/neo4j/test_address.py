"""Addresses of Neo4j databases: read, shown without secrets, and refused where they are none."""

from __future__ import annotations

import pickle

import pytest

from engram_store.errors import ConfigurationError
from io_connectors.neo4j.session import Neo4jAddress, Server
from io_connectors.secrets import SecretRef


@pytest.mark.parametrize("scheme", ["neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"])
def test_every_scheme_of_the_driver(scheme: str) -> None:
    assert Neo4jAddress.parse(f"{scheme}://host:7687").url == f"{scheme}://host:7687"


def test_user_password_and_database_may_stand_in_the_address() -> None:
    address = Neo4jAddress.parse("neo4j://ann:p%40ss@host:7687/movies", user="neo4j")
    assert (address.url, address.user, address.database) == ("neo4j://host:7687", "ann", "movies")
    assert address.password is not None and address.password.resolve() == "p@ss"


def test_a_password_never_leaves_with_the_address() -> None:
    address = Neo4jAddress.parse("bolt://ann:hush@host/movies")
    assert address.display == "bolt://host/movies"
    assert b"hush" not in pickle.dumps(address)
    assert "hush" not in repr(address)


def test_what_is_given_apart_counts() -> None:
    reference = SecretRef(path="secret")
    address = Neo4jAddress.parse("bolt://host/one", user="ann", database="two", password=reference)
    assert address == Neo4jAddress("bolt://host", "ann", "two", reference)


def test_routing_context_is_kept() -> None:
    assert Neo4jAddress.parse("neo4j://host?policy=europe").url == "neo4j://host?policy=europe"


@pytest.mark.parametrize("source", ["host:7687", "http://host:7474", "neo4j://", "postgresql://h/d", "neo4j"])
def test_what_is_no_address(source: str) -> None:
    with pytest.raises(ConfigurationError, match="not a Neo4j address") as refused:
        Neo4jAddress.parse(source)
    assert "neo4j://localhost:7687" in refused.value.example


@pytest.mark.parametrize(
    ("agent", "version"),
    [
        ("Neo4j/5.26.30", (5, 26)),
        ("Neo4j/4.4.48", (4, 4)),
        ("Neo4j/2026.08.1", (2026, 8)),
        ("Neo4j/5.27-aura", (5, 27)),
        ("something", (0, 0)),
    ],
)
def test_versions(agent: str, version: tuple[int, int]) -> None:
    assert Server.named(agent).version == version
