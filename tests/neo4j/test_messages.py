"""What a new user reads: the plan, and what is said of a misspelt name or a missing password."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines import neo4j as pipeline
from pipelines.preview import Expectation, Preview
from tests.servers.neo4j import Neo4jServer


@pytest.fixture
def books(neo4j_server: Neo4jServer) -> Iterator[list[str]]:
    """Arguments for a plan of a graph that has at least a few books."""
    neo4j_server.run(
        "UNWIND range(1, 3) AS n"
        " CREATE (:MessageBook {title: 'No. ' + toString(n), isbn: n, joined: date('2024-01-01')})"
    )
    yield ["--source", neo4j_server.url, "--source-password", neo4j_server.password, "--dry-run"]
    neo4j_server.run("MATCH (n:MessageBook) DELETE n")


def test_plan_names_the_properties_that_are_read(
    books: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.main([*books, "--id-property", "MessageBook:isbn", "--timestamp-property", "joined"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "(:MessageBook)  " in line)
    assert line.endswith("3  isbn · title · joined")


@pytest.mark.parametrize(
    "flags",
    [
        ("--text-properties", "MessageBook:titel"),
        ("--id-property", "MessageBook:titel"),
        ("--timestamp-property", "titel"),
        ("--weight-property", "titel"),
        ("--age-property", "titel"),
    ],
)
def test_misspelt_property_is_found(
    books: list[str], capsys: pytest.CaptureFixture[str], flags: tuple[str, str]
) -> None:
    assert pipeline.main([*books, *flags]) == 2
    said = capsys.readouterr().err
    assert f"`{flags[0]}` names a property `titel`, which nothing in the graph has" in said
    assert "did you mean" in said and "`title`" in said


def test_missing_password_is_said(
    neo4j_server: Neo4jServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENGRAM_MIGRATE_SOURCE_PASSWORD", raising=False)
    assert pipeline.main(["--source", neo4j_server.url, "--dry-run"]) == 3
    assert "why: no password was given" in capsys.readouterr().err


def test_plan_of_an_empty_graph_is_shown() -> None:
    plan = Preview("neo4j://x", "y", (), 0, (), {}, (), "a model", Expectation(0.0, 0.0, 0.0, 0, 0, 0, 0.0))
    assert "  0 records in 0 pages" in plan.lines()
