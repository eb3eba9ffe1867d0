"""One edge followed from source to target: equal, changed, orphaned, refused and gone are told apart."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from engram_store.store import Store
from pipelines.__main__ import main
from tests.neo4j.migrations import found
from tests.neo4j.migrations import migrate as migrate_graph
from tests.server.serving import Serving
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import WheelPostgres
from tests.servers.redis import RedisServer

_TABLES = """
CREATE TABLE owner (id int PRIMARY KEY, name text UNIQUE, created_at timestamptz);
CREATE TABLE pet (id int PRIMARY KEY, name text, owner int, maker text, created_at timestamptz);
INSERT INTO owner VALUES (1, 'Ann'), (2, repeat('long ', 200));
INSERT INTO pet VALUES (1, 'Rex', 1, 'Ann', '2020-01-02 03:04:05+00'), (2, 'Tom', 9, 'Nobody', NULL),
  (3, 'Kit', 2, NULL, NULL), (4, 'Bit', NULL, NULL, NULL), (5, repeat('long ', 200), 1, NULL, NULL);
ALTER TABLE pet ADD CONSTRAINT pet_owner FOREIGN KEY (owner) REFERENCES owner NOT VALID;
ALTER TABLE pet ADD CONSTRAINT pet_maker FOREIGN KEY (maker) REFERENCES owner (name) NOT VALID;
"""
_FLAGS = ("--parallel-workers", "1", "--max-content-bytes", "500")
_RIGHT = "✓ the target gives back what the source holds"

Explain = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def pets(wheel_postgres: WheelPostgres) -> str:
    return wheel_postgres.create_database("explained_edges", _TABLES)


@pytest.fixture(scope="module")
def migrated(pets: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("explained") / "store"
    assert main(["postgresql", "--source", pets, "--target", str(target), *_FLAGS]) == 0
    return target


@pytest.fixture
def store(migrated: Path, tmp_path: Path) -> Path:
    """A copy of the pets' store."""
    return Path(shutil.copytree(migrated, tmp_path / "store"))


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str]) -> Explain:
    """Explains something in a store; gives exit code, output and errors."""

    def told(store: Path | str, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["explain", *arguments, "--target", str(store)])
        return code, *capsys.readouterr()

    return told


@pytest.mark.parametrize("edge", ["pet/pet_1#pet_owner", "public.pet.pet_owner/pet_1#pet_owner"])
def test_a_foreign_key_is_followed(store: Path, explain: Explain, edge: str) -> None:
    code, out, _ = explain(store, edge)
    assert code == 0, out
    for words in (
        "pet/pet_1#pet_owner\n",
        "source:  public.pet.pet_owner, postgresql://",
        "record:  public.pet [1]",
        """row:     ('1', '{"id":1,"name":"Rex\"""",
        "edge:    pet/pet_1 → owner/owner_1",
        "mapped:  type pet_owner, weight 0.80, origin public.pet.pet_owner",
        "created: 2020-01-02T03:04:05Z",
        'holds:   {"owner":"1"}',
        _RIGHT,
    ):
        assert words in out, out


def test_edges_name_what_explain_takes(
    store: Path, explain: Explain, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edges", "pet", "pet_1", "--target", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        code, out, _ = explain(store, f"pet/{line.split('  ')[3]}")
        assert code == 0 and _RIGHT in out


@pytest.mark.parametrize(
    ("edge", "words"),
    [
        ("pet/pet_2#pet_owner", "owner/owner_9 is not there; no record of it arrived"),
        ("pet/pet_2#pet_maker", "the source shows that the record it refers to is not there"),
        ("pet/pet_3#pet_owner", "owner/owner_2 is not there; it was refused: "),
    ],
)
def test_an_orphan_says_why(store: Path, explain: Explain, edge: str, words: str) -> None:
    code, out, _ = explain(store, edge)
    assert code == 0 and f"orphan, not served: {words}" in out, out
    assert "✓" not in out and "✗" not in out


def test_an_edge_of_a_refused_row_says_why(store: Path, explain: Explain) -> None:
    code, out, _ = explain(store, "pet/pet_5#pet_owner")
    assert code == 0 and "pet/pet_5#pet_owner was refused" in out
    assert "source:  public.pet [pet_5]" in out and "why:     " in out


@pytest.mark.parametrize(
    "edge",
    ["pet/pet_4#pet_owner", "owner/pet_1#pet_owner", "public.pet.pet_maker/pet_1#pet_owner", "KNOWS[1]"],
)
def test_an_edge_that_nobody_knows(store: Path, explain: Explain, edge: str) -> None:
    code, _, err = explain(store, edge)
    assert code == 2 and f"there is no memory or edge of `{edge}`, and no dead letter" in err


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM edge", "✗ it is not served"),
        ("UPDATE edge SET weight = 0.5", "✗ weight is `0.5`, and the source has `0.8"),
        ("UPDATE edge SET properties = NULL", '✗ properties is `None`, and the source has `{"owner":"1"}`'),
        (
            "UPDATE edge SET created_at = 0",
            "✗ created_at is `1970-01-01T00:00:00Z`, and the source has `2020",
        ),
        ("UPDATE edge SET source = target, target = source", "✗ source is `owner/owner_1`"),
        ("UPDATE edge SET target = source", "✗ target is `pet/pet_1`, and the source has `owner/owner_1`"),
        ("UPDATE type SET name = 'other'", "✗ type is `other`, and the source has `pet_owner`"),
    ],
)
def test_what_the_target_spoilt_is_named(store: Path, explain: Explain, damage: str, words: str) -> None:
    with closing(sqlite3.connect(next(store.glob("serving/*/index.sqlite")))) as connection:
        connection.execute(damage)
        connection.commit()
    code, out, _ = explain(store, "pet/pet_1#pet_owner")
    assert code == 6 and words in out and "✓" not in out, out
    code, out, _ = explain(store, "pet/pet_1")
    assert code == 6 and ("missing" in out or words[2:] in out), "explaining the memory says it too"


def test_a_source_that_changed_since(wheel_postgres: WheelPostgres, tmp_path: Path, explain: Explain) -> None:
    source = wheel_postgres.create_database("changed_edges", _TABLES)
    try:
        assert main(["postgresql", "--source", source, "--target", str(tmp_path / "store"), *_FLAGS]) == 0
        for change, wanted, words in (
            ("INSERT INTO pet VALUES (6, 'New', 1)", 0, _RIGHT),
            ("UPDATE pet SET owner = 2 WHERE id = 1", 6, "✗ target is `owner/owner_1`, and the source has"),
            ("UPDATE pet SET owner = NULL WHERE id = 1", 6, "✗ the source does not have it any more"),
            ("DELETE FROM pet WHERE id = 1", 6, "✗ the source does not have it any more"),
        ):
            with psycopg.connect(source) as connection:
                connection.execute(change.encode())
            code, out, _ = explain(tmp_path / "store", "pet/pet_1#pet_owner")
            assert code == wanted and words in out, out
    finally:
        wheel_postgres.drop_database("changed_edges")


def test_the_newest_run_is_meant(pets: str, store: Path, explain: Explain) -> None:
    newer = "the-newer"
    assert main(["postgresql", "--source", pets, "--target", str(store), *_FLAGS, "--run", newer]) == 0
    assert Store.open(store).runs().index(newer) == 1, "or the older one is not the first by name"
    for record in ("pet/pet_1#pet_owner", "public.pet[1]"):
        code, out, _ = explain(store, record)
        assert code == 0 and f"target:  run {newer}" in out, out


def test_an_edge_over_http(store: Path, explain: Explain) -> None:
    with Serving(store) as serving:
        code, out, _ = explain(serving.url, "public.pet.pet_owner/pet_1#pet_owner")
        assert code == 0 and _RIGHT in out, out
        code, out, _ = explain(serving.url, "pet/pet_2#pet_owner")
        assert code == 0 and "orphan, not served: owner/owner_9" in out, out


@pytest.fixture
def keys(redis_server: RedisServer) -> Iterator[RedisServer]:
    client = redis_server.client()
    client.flushall()
    client.hset("user:1", mapping={"name": "Ann", "city": "Rome"})
    client.zadd("board", {"one": 1, "two": 2})
    client.hset("long", mapping={"text": "long " * 200})
    yield redis_server
    client.flushall()


def test_derived_edges_are_followed(keys: RedisServer, tmp_path: Path, explain: Explain) -> None:
    flags = ("--hash-fields-as-memories", "--zset-members-as-memories", *_FLAGS)
    assert main(["redis", "--source", keys.url, "--target", str(tmp_path / "store"), *flags]) == 0
    for edge, record, ends in (
        ("redis_user:1%#name#HAS_FIELD", "hash [user:1]", "redis/redis_user:1 → redis/redis_user:1%#name"),
        ("redis_board%#two#HAS_MEMBER", "zset [board]", "redis/redis_board → redis/redis_board%#two"),
        ("redis_board%#two#NEXT_RANKED", "zset [board]", "redis/redis_board%#one → redis/redis_board%#two"),
    ):
        code, out, _ = explain(tmp_path / "store", f"redis/{edge}")
        assert code == 0 and f"record:  {record}" in out and f"edge:    {ends}" in out and _RIGHT in out, out
    code, out, _ = explain(tmp_path / "store", "redis/redis_long%#text#HAS_FIELD")
    assert code == 0 and "was refused" in out and "source:  hash [long]" in out, out


@pytest.mark.slow
def test_a_node_and_a_relationship_are_followed(
    neo4j_server: Neo4jServer, tmp_path: Path, explain: Explain, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = (
        "CREATE (:Explained {name: 'Ann'})-[r:LIKES {since: 2020}]->(n:Explained {name: 'Tea'})"
        " CREATE (n)-[s:LIKES {text: $long}]->(n)"
        " RETURN elementId(r), toString(id(r)), toString(id(s))"
    )
    try:
        ((element, number, refused),) = neo4j_server.run(create, long="long " * 200)
        migrate_graph(neo4j_server, tmp_path / "store", "--max-content-bytes", "500").succeeded()
        monkeypatch.setenv("ENGRAM_MIGRATE_SOURCE_PASSWORD", neo4j_server.password)
        id = f"neo4j_rel_{number}"
        edge = found(tmp_path / "store").edges[id]
        code, out, _ = explain(tmp_path / "store", f"explained/{edge.source}")
        assert code == 0 and "text:    name: Ann" in out and _RIGHT in out, out
        for name in (f"explained/{id}", f"LIKES/{id}", f"LIKES[{number}]", f"LIKES[{element}]"):
            code, out, _ = explain(tmp_path / "store", name)
            assert code == 0 and f"record:  LIKES [{number}]" in out and _RIGHT in out, out
            assert 'holds:   {"since":2020}' in out
        for name in (f"explained/neo4j_rel_{refused}", f"LIKES[{refused}]"):
            code, out, _ = explain(tmp_path / "store", name)
            assert code == 0 and f"{name} was refused" in out, out
        # A relationship was refused, and no node of its number.
        code, _, err = explain(tmp_path / "store", f"elsewhere/neo4j_node_{refused}")
        assert code == 2 and "and no dead letter" in err
    finally:
        neo4j_server.run("MATCH (n:Explained) DETACH DELETE n")
