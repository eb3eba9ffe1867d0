"""One record followed from source to target: equal, changed, refused, gone and unknown are told apart."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from engram_store.store import Store
from pipelines.__main__ import main
from tests.pipelines.stored import only_run
from tests.servers.postgres import WheelPostgres

_TABLES = """
CREATE TABLE owner (id int PRIMARY KEY, name text, bio text, created_at timestamptz);
CREATE TABLE pet (id int PRIMARY KEY, name text, owner int);
INSERT INTO owner VALUES (1, 'Ann Lee', 'likes tea', '2020-01-02 03:04:05+00'), (2, 'Bo', NULL, NULL),
  (3, 'Cy', repeat('long ', 200), NULL);
INSERT INTO pet VALUES (1, 'Rex', 1), (2, 'Tom', 9);
ALTER TABLE pet ADD CONSTRAINT pet_owner_fkey FOREIGN KEY (owner) REFERENCES owner NOT VALID;
"""

Explain = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def pets(wheel_postgres: WheelPostgres) -> str:
    return wheel_postgres.create_database("explained", _TABLES)


@pytest.fixture(scope="module")
def migrated(pets: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pets' store, to be copied by those that change it."""
    target = tmp_path_factory.mktemp("explained") / "store"
    flags = ("--parallel-workers", "1", "--max-content-bytes", "500")
    assert main(["postgresql", "--source", pets, "--target", str(target), *flags]) == 0
    return target


@pytest.fixture
def explain(migrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Explain:
    """Explains a record of a copy of the store; gives exit code, output and errors."""
    shutil.copytree(migrated, tmp_path / "store")

    def told(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["explain", *arguments, "--target", str(tmp_path / "store")])
        return code, *capsys.readouterr()

    return told


def _damage(folder: Path, sql: str) -> None:
    """Changes what the store serves behind its back."""
    with closing(sqlite3.connect(next((folder / "store").glob("serving/*/index.sqlite")))) as connection:
        connection.execute(sql)
        connection.commit()


@pytest.mark.parametrize("record", ["owner/owner_1", "public.owner[1]"])
def test_a_record_is_followed_from_row_to_target(explain: Explain, record: str) -> None:
    code, out, _ = explain(record)
    assert code == 0, out
    for words in (
        "owner/owner_1",
        "source:  public.owner [1], postgresql://",
        'row:     (\'1\', \'{"id":1,"name":"Ann Lee"',
        'content: {"id":1,"name":"Ann Lee","bio":"likes tea"',
        "mapped:  confidence 0.90, activation 0.500, decaying by 0.01 an hour",
        "text:    name: Ann Lee | bio: likes tea",
        "model:   local/lexical-1",
        "✓ the target gives back what the source holds, with 0 edges",
    ):
        assert words in out, out


def test_edges_and_orphans_are_told_apart(explain: Explain) -> None:
    code, out, _ = explain("pet/pet_1")
    assert code == 0 and "edge:    pet_owner_fkey → owner/owner_1, weight 0.80" in out
    assert "holds, with 1 edges" in out and "orphan" not in out
    code, out, _ = explain("pet/pet_2")
    assert code == 0 and "with 0 edges" in out
    assert "orphan, not served: pet_owner_fkey → owner/owner_9, weight 0.80" in out


@pytest.mark.parametrize("record", ["owner/owner_3", "public.owner[3]"])
def test_a_refused_record_says_why(explain: Explain, record: str) -> None:
    code, out, _ = explain(record)
    assert code == 0 and f"{record} was refused" in out
    assert "in stage map of run postgresql-" in out and "long long" in out
    assert "why:     " in out and "500" in out and "replay" in out


@pytest.mark.parametrize("record", ["owner/owner_7", "public.owner[7]", "public.cat[1]", "nowhere/owner_1"])
def test_a_record_that_nobody_knows(explain: Explain, record: str) -> None:
    code, _, err = explain(record)
    assert code == 2 and f"there is no memory or edge of `{record}`, and no dead letter" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("owner_1",), "`owner_1` names no record and no edge"),
        (("owner/owner_1", "--run", "none"), "`none`"),
        (("owner/owner_1", "--colour"), "there is no flag `--colour`"),
        (("owner/owner_1", "--batch-size", "many"), "`--batch-size` is wrong"),
    ],
)
def test_wrong_questions_are_told_so(explain: Explain, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = explain(*arguments)
    assert code == 2 and words in err


def test_a_source_that_cannot_be_reached(explain: Explain) -> None:
    code, _, err = explain("owner/owner_1", "--source", "postgresql://nobody@127.0.0.1:1/none")
    assert code == 3 and "error: " in err


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("UPDATE owner SET name = 'Anna Lee' WHERE id = 1", 6, '✗ content is `{"id":1,"name":"Ann Lee"'),
        ("DELETE FROM pet; DELETE FROM owner WHERE id = 1", 6, "✗ the source does not have it any more"),
        ("INSERT INTO owner VALUES (4, 'Di', NULL, NULL)", 0, "✓ the target gives back"),
    ],
)
def test_a_source_that_changed_since(
    wheel_postgres: WheelPostgres, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    change: str, code: int, words: str,
) -> None:  # fmt: skip
    source = wheel_postgres.create_database("changed", _TABLES)
    target = ("--target", str(tmp_path / "store"))
    assert main(["postgresql", "--source", source, *target, "--parallel-workers", "1"]) == 0
    with psycopg.connect(source) as connection:
        connection.execute(change.encode())
    assert main(["explain", "owner/owner_1", *target]) == code
    assert words in capsys.readouterr().out
    wheel_postgres.drop_database("changed")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE memory SET confidence = 0.25", "✗ confidence is `0.25`, and the source has `0.8999"),
        ("UPDATE memory SET content = '{}'", '✗ content is `{}`, and the source has `{"id"'),
        ("UPDATE memory SET created_at = created_at + 1", "✗ created_at is `2020-01-02T03:04:05.000001Z`"),
        ("UPDATE memory SET decay_rate = 1", "✗ decay rate is `1`, and the source has `0.00999999978`"),
    ],
)
def test_what_the_target_spoilt_is_named(explain: Explain, tmp_path: Path, damage: str, words: str) -> None:
    _damage(tmp_path, damage)
    code, out, _ = explain("owner/owner_1")
    assert code == 6 and words in out, out


def test_a_memory_that_is_not_served_is_found_by_its_key(explain: Explain, tmp_path: Path) -> None:
    _damage(tmp_path, "DELETE FROM memory_key")
    code, _, err = explain("owner/owner_1")
    assert code == 2 and "there is no memory or edge of `owner/owner_1`" in err
    code, out, _ = explain("public.owner[1]")
    assert code == 6 and "✗ owner/owner_1 is not served any more" in out


def test_a_lost_edge_is_named(explain: Explain, tmp_path: Path) -> None:
    _damage(tmp_path, "DELETE FROM edge")
    code, out, _ = explain("pet/pet_1")
    assert code == 6
    assert "✗ the edge pet_owner_fkey → owner/owner_1, weight 0.80 is missing" in out


def test_a_changed_vector_is_named(explain: Explain, tmp_path: Path) -> None:
    run = only_run(tmp_path / "store")
    with Store.open(tmp_path / "store").reader() as reader:
        memory = reader.get("owner", "owner_1")
    assert memory is not None
    path = run.memories_path(memory.page)
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(next((tmp_path / "store").glob("serving/*/index.sqlite")))) as connection:
        ((offset,),) = connection.execute("SELECT vector_offset FROM page WHERE name = ?", (memory.page,))
    data[offset + 1] ^= 0x40
    path.write_bytes(data)
    code, out, _ = explain("owner/owner_1")
    assert code == 6 and "✗ embedding differs from that of the text above (cosine " in out


def test_a_redis_key_is_followed(samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dump = next(iter(sorted((samples / "redis" / "own").glob("*.rdb"))))
    target = ("--target", str(tmp_path / "store"))
    flags = ("--source-db", "all", "--parallel-workers", "1")
    assert main(["redis", "--use-rdb", str(dump), *target, *flags]) == 0
    with Store.open(tmp_path / "store").reader() as reader:
        memory = next(reader.scan(next(iter(reader.spaces()))))
    for record in (f"{memory.space}/{memory.id}", f"{memory.source.kind}[{memory.source.key}]"):
        capsys.readouterr()
        assert main(["explain", record, *target]) == 0
        assert "✓ the target gives back what the source holds" in capsys.readouterr().out
