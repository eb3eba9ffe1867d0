"""Every command of the documents runs, in order, against a real server, and prints what is shown."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from demo import shop
from tests.docs import script
from tests.docs.markdown import (
    ALL,
    COMPATIBILITY,
    CONTRIBUTING,
    EMBEDDING_GUIDE,
    NEO4J_GUIDE,
    NEO4J_TUTORIAL,
    POSTGRES_GUIDE,
    README,
    REDIS_GUIDE,
    REPORT,
    SERVER_GUIDE,
    VALIDATION_GUIDE,
    Document,
)
from tests.embedding.bert import make_bert
from tests.embedding.server import embedding_server
from tests.engram_double.double import EngramDouble
from tests.servers.neo4j import Neo4jServer
from tests.servers.ports import free_port
from tests.servers.postgres import DebianPostgres
from tests.servers.redis import RedisServer

#: Blocks that only a person can run; a new one must be put here with open eyes.
NOT_RUN = {
    ("README.md", "make demo"),
    ("README.md", "make setup"),
    ("CONTRIBUTING.md", "make setup"),
    ("docs/operations/distributed.md", "export AWS"),
    ("docs/operations/distributed.md", "java --add"),
    ("docs/operations/distributed.md", "python -m"),
    ("docs/operations/migration-neo4j.md", "GRANT ROLE"),
    ("docs/operations/migration-redis.md", "redis-serv"),
    ("docs/tutorials/migrate-from-neo4j.md", "make setup"),
    ("docs/tutorials/migrate-from-neo4j.md", "docker run"),
    ("docs/tutorials/migrate-from-neo4j.md", "scripts/se"),
}

# One process and not one a core: the documents' data are small.
_ONE_WORKER = {"ENGRAM_MIGRATE_PARALLEL_WORKERS": "1"}


def _run(document: Document, server: DebianPostgres, folder: Path, replaced: dict[str, str]) -> None:
    environment = {"PATH": str(server.bin_dir), "PGPASSWORD": server.passwords["postgres"], **_ONE_WORKER}
    script.run(document, folder, environment, replaced)


def _run_on_neo4j(document: Document, server: Neo4jServer, folder: Path) -> None:
    replaced = {"neo4j://localhost:7687": server.url, "choose-a-long-one": server.password}
    script.run(document, folder, _ONE_WORKER, replaced)


def _address(server: DebianPostgres) -> dict[str, str]:
    return {"localhost:5432": f"127.0.0.1:{server.port}"}


@pytest.mark.slow
def test_postgres_guide(own_postgres: DebianPostgres, tmp_path: Path) -> None:
    _run(POSTGRES_GUIDE, own_postgres, tmp_path, _address(own_postgres))


@pytest.mark.slow
def test_neo4j_guide(own_neo4j: Neo4jServer, tmp_path: Path) -> None:
    _run_on_neo4j(NEO4J_GUIDE, own_neo4j, tmp_path)


@pytest.mark.slow
def test_neo4j_tutorial(own_neo4j: Neo4jServer, tmp_path: Path) -> None:
    _run_on_neo4j(NEO4J_TUTORIAL, own_neo4j, tmp_path)
    assert (tmp_path / "engram-data").exists()


@pytest.mark.slow
@pytest.mark.parametrize("own_redis", [("appendonly yes", "aof-timestamp-enabled yes")], indirect=True)
def test_redis_guide(own_redis: RedisServer, tmp_path: Path) -> None:
    with own_redis.client() as client:
        folder = client.config_get("dir")["dir"]
    here = {
        "localhost:6379": f"127.0.0.1:{own_redis.port}",
        "/var/lib/redis/appendonlydir": f"{folder}/appendonlydir",
    }
    script.run(REDIS_GUIDE, tmp_path, _ONE_WORKER, here)


@pytest.mark.slow
def test_readme(own_postgres: DebianPostgres, tmp_path: Path) -> None:
    with psycopg.connect(own_postgres.create_database("shop")) as connection:
        shop.build(connection, customers=40)
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'choose-a-long-one'")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    _run(README, own_postgres, tmp_path, _address(own_postgres))


@pytest.mark.slow
def test_server_guide(tmp_path: Path) -> None:
    script.run(SERVER_GUIDE, tmp_path, _ONE_WORKER, {"7432": str(free_port())})


@pytest.mark.slow
def test_report_reference(tmp_path: Path) -> None:
    script.run(REPORT, tmp_path, _ONE_WORKER, {})


def test_embedding_guide(tmp_path: Path) -> None:
    make_bert(tmp_path / "my-model")
    with embedding_server() as server:
        script.run(EMBEDDING_GUIDE, tmp_path, _ONE_WORKER, {"http://localhost:8000/v1": server.url})


@pytest.mark.slow
def test_compatibility(tmp_path: Path) -> None:
    with EngramDouble() as double:
        # What is shown stands in the document with the address that it replaces.
        script.run(COMPATIBILITY, tmp_path, _ONE_WORKER, {"7432": str(double.port)})


@pytest.mark.slow
def test_validation_guide(tmp_path: Path) -> None:
    script.run(VALIDATION_GUIDE, tmp_path, _ONE_WORKER, {})


def test_contributing(tmp_path: Path) -> None:
    script.run(CONTRIBUTING, tmp_path, {}, {})
    assert (tmp_path / "config.neo4j.schema.json").stat().st_size
    assert (tmp_path / "settings.md").stat().st_size


def test_blocks_that_are_not_run_are_few_and_known() -> None:
    blocks = [(document, block) for document in ALL for block in document.blocks()]
    unrun = [(d, block) for d, block in blocks if block.comment.startswith(script.NOT_RUN)]
    assert {(document.path, block.text[:10].strip()) for document, block in unrun} == NOT_RUN
    assert all(len(block.comment) > 30 for _, block in unrun), "a reason is due"


def test_no_block_escapes_by_its_language() -> None:
    known = {"sh", "console", "sql", "cypher", "redis", "yaml", "text", "python"}
    for document in ALL:
        for block in document.blocks():
            assert block.language in known, (
                f"{document.path}:{block.line} has the language `{block.language}`"
            )


@pytest.mark.parametrize(
    ("shown", "output", "missing"),
    [
        ("a\n\nb\n", "a\nx\nb\n", None),
        ("b\na\n", "a\nb\n", "a"),
        ("a … c\n", "a big c\n", None),
        ("a\n", "ab\n", "a"),
        ("1.5\n", "1x5\n", "1.5"),
        ("", "anything\n", None),
    ],
)
def test_shown_output_is_compared(shown: str, output: str, missing: str | None) -> None:
    assert script.missing(shown, output) == missing


def test_failing_command_fails_the_document(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"is not in CONTRIBUTING\.md any more"):
        script.run(CONTRIBUTING, tmp_path, {}, {"no such text": "x"})
    with pytest.raises(AssertionError, match=r"CONTRIBUTING\.md:\d+ ended with 2"):
        script.run(CONTRIBUTING, tmp_path, {}, {"python -m": "exit 2 #"})
