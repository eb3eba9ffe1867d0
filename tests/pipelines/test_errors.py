"""What goes wrong is said once, with names, the reason and the next command, and by the exit code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from demo import shop
from tests.pipelines.command import migrate, migration, start, until, verb
from tests.pipelines.conftest import PAGE, make_shop
from tests.pipelines.stored import only_run, page_files, stored
from tests.servers.postgres import DebianPostgres
from tests.servers.samples import READER, SampleDatabases


@pytest.fixture(scope="module")
def iso(sample_database: SampleDatabases) -> str:
    """A small database to be read only."""
    return sample_database("iso3166")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dbname": "no_such"}, ("`postgresql://127.0.0.1", "no_such", "psql -l")),
        ({"dbname": "postgres", "password": "wrong"}, ("password", "PGPASSWORD")),
    ],
    ids=["database", "password"],
)
def test_server_lets_nobody_in(
    debian_postgres: DebianPostgres, target: Path, change: dict[str, str], words: tuple[str, ...]
) -> None:
    migrate(debian_postgres.dsn(**change), target).failed(3, *words)
    assert not target.exists()


def test_right_is_missing_on_one_table(sample_database: SampleDatabases, target: Path) -> None:
    sample_database("torture")
    dsn = sample_database.server.dsn("torture", user=READER)
    migrate(dsn, target, "--exclude", "app.sec").failed(8, "app.denied", "GRANT SELECT ON", "TO your_role")
    assert not target.exists()


def test_row_level_security_is_never_silent(sample_database: SampleDatabases, target: Path) -> None:
    sample_database("torture")
    dsn = sample_database.server.dsn("torture", user=READER)
    migrate(dsn, target, "--exclude", "app.denied").failed(8, "row-level security", "app.sec", "BYPASSRLS")
    assert not target.exists()


def test_locked_table(sample_copy: Callable[[str], str], target: Path) -> None:
    database = sample_copy("iso3166")
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE country IN ACCESS EXCLUSIVE MODE")
        ended = start(*migration(database, target)).end(60)
    ended.failed(8, "`public.country` is locked", "pg_stat_activity")
    assert not target.exists()


def test_target_is_a_file(iso: str, target: Path) -> None:
    target.write_text("mine")
    ended = migrate(iso, target)
    assert ended.code == 2 and f"`{target}` is a file" in ended.err
    assert target.read_text() == "mine"


def test_target_is_no_store(iso: str, target: Path) -> None:
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    migrate(iso, target).failed(2, f"`{target}` is not an Engram store")
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """``small_disk(96)`` is the folder of a disk of 96 MB; again, it grows to another size."""
    folder = tmp_path / "disk"

    def mounted(megabytes: int) -> Path:
        size = f"{'remount,' if folder.exists() else ''}size={megabytes}m"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", folder], check=False)
        if done.returncode:
            pytest.skip("only root can mount a small disk")
        return folder

    if os.geteuid():
        pytest.skip("only root can mount a small disk")
    yield mounted
    subprocess.run(["umount", "-l", folder], check=False)


def test_too_small_disk_is_found_before_the_first_row(
    iso: str, small_disk: Callable[[int], Path], tmp_path: Path
) -> None:
    target = small_disk(16) / "store"
    migrate(iso, target).failed(8, f"the disk of `{target}` is too small", "GB are free", "--target")
    assert page_files(target) == {}


def test_disk_fills_in_the_middle_and_the_run_goes_on_when_there_is_room(
    debian_postgres: DebianPostgres, small_disk: Callable[[int], Path], tmp_path: Path
) -> None:
    database = make_shop(debian_postgres, "disk_fills")
    disk = small_disk(400)
    target = disk / "store"
    process = start(*migration(database, target, *PAGE))
    until(lambda: len(page_files(target)) > 30 or not process.running())
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(2**20)):
            pass
    process.end().failed(4, "The disk is full", str(target), "give the same command again", "df -h")
    filler.unlink()
    pages = page_files(target)
    assert len(pages) > 30
    migrate(database, target, *PAGE).succeeded()
    assert all(page_files(target)[name] == file for name, file in pages.items())
    migrate(database, tmp_path / "undisturbed", *PAGE).succeeded()
    assert stored(target).differences(stored(tmp_path / "undisturbed")) == []


def test_second_migration_into_a_store_at_once(shop_database: str, iso: str, target: Path) -> None:
    first = start(*migration(shop_database, target, *PAGE))
    until(lambda: page_files(target) or not first.running())
    migrate(iso, target).failed(4, f"`{target}` is in use by process {first.family.pid}")
    first.end().succeeded()
    assert stored(target).kinds.total() > 20_000


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--text-columns", "country:two_letter"), ("`public.country`",)),
        (("--vector-type", "float32"), ("the vector type", "`float16`", "`float32`")),
        (("--table-to-space", "country:elsewhere"), ("`public.country`",)),
    ],
    ids=["text", "vectors", "space"],
)
def test_run_is_not_gone_on_with_by_other_settings(
    iso: str, tmp_path_factory: pytest.TempPathFactory, flags: tuple[str, ...], words: tuple[str, ...]
) -> None:
    target = tmp_path_factory.getbasetemp() / "begun"
    if not target.exists():
        migrate(iso, target).succeeded()
    before = page_files(target)
    way_out = f"engram-migrate undo {only_run(target).id} --target {target}"
    migrate(iso, target, *flags).failed(7, f"run `{only_run(target).id}`", way_out, *words)
    assert page_files(target) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--paralel-workers", "2"), ("`--paralel-workers`", "did you mean `--parallel-workers`?")),
        (("--batch-size", "0"), ("`--batch-size`", "0")),
        (("--batch-size", "many"), ("`--batch-size`", "many")),
        (("--text-columns", "contry:name"), ("`contry`", "country")),
        (("--text-columns", "country:nme"), ("country.nme`", "did you mean `name`?")),
        (("--include", "nothing.*"), ("nothing.*",)),
        (("--embedding-provider", "nope"), ("`nope`", "local")),
        (("--on-orphan", "ignore"), ("`--on-orphan`", "quarantine")),
        (("--config", "no-such.yaml"), ("`no-such.yaml`",)),
        (("--source-password-file", "no-such-file"), ("`no-such-file`",)),
    ],
)
def test_wrong_setting(iso: str, target: Path, flags: tuple[str, ...], words: tuple[str, ...]) -> None:
    migrate(iso, target, *flags).failed(2, *words)
    assert not target.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batchsize: 10", ("`batchsize`", "did you mean `batch_size`?")),
        ("batch_size: ten", ("batch_size in", "ten")),
        ("- batch_size", ("not a mapping",)),
        ("batch_size: [", ("cannot be read",)),
    ],
)
def test_wrong_configuration_file(iso: str, target: Path, text: str, words: tuple[str, ...]) -> None:
    file = target.with_name("migration.yaml")
    file.write_text(text)
    migrate(iso, target, "--config", str(file)).failed(2, str(file), *words)


@pytest.mark.parametrize("source", ["", "postgresql://host:5432/a?b", "a thing"])
def test_source_is_missing_or_no_address(target: Path, source: str) -> None:
    migrate(source, target).failed(2, "`--source`", "postgresql://")


def test_orphans_can_fail_the_run_and_nothing_is_committed(
    sample_database: SampleDatabases, target: Path
) -> None:
    flags = ("--include", "app.ord,app.usr")
    ended = migrate(sample_database("torture"), target, *flags, "--on-orphan", "fail")
    ended.failed(6, "2 edges have an end that is not there", "`app.ord.ord_cust_fk`: 2", "--on-orphan report")
    verb("spaces", "--target", str(target)).failed(4, "nothing to read yet")
    accepted = migrate(sample_database("torture"), target, *flags, "--on-orphan", "report")
    accepted.succeeded()
    assert "orphan of app.ord.ord_cust_fk: ord_2 → " in accepted.out
    assert not only_run(target).orphans_path.exists()


def test_quarantined_orphans_stand_in_a_file(sample_database: SampleDatabases, target: Path) -> None:
    from pyarrow.parquet import read_table

    flags = ("--include", "app.ord,app.usr", "--on-orphan", "quarantine")
    migrate(sample_database("torture"), target, *flags).succeeded()
    rows = read_table(only_run(target).orphans_path).to_pylist()
    assert sorted(row["source"] for row in rows) == ["ord_2", "ord_4"]


_LETTERS = r"""
CREATE TABLE notes (id int PRIMARY KEY, body json);
INSERT INTO notes SELECT n, json_build_object('n', n) FROM generate_series(1, 250) AS n;
UPDATE notes SET body = '{"half": "\ud800"}' WHERE id IN (7, 120, 249);
"""


@pytest.fixture
def with_bad_rows(debian_postgres: DebianPostgres) -> Iterator[str]:
    name = f"letters_{os.getpid()}"
    yield debian_postgres.create_database(name, _LETTERS)
    debian_postgres.drop_database(name)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_more_dead_letters_than_allowed_end_the_run(with_bad_rows: str, target: Path, workers: str) -> None:
    flags = ("--max-dead-letters", "2", "--parallel-workers", workers, *PAGE)
    migrate(with_bad_rows, target, *flags).failed(5, "3 records", "`--max-dead-letters`", "dead-letters")
    verb("spaces", "--target", str(target)).failed(4)


def test_dead_letters_are_listed_and_replayed_once_repaired(with_bad_rows: str, target: Path) -> None:
    ended = migrate(with_bad_rows, target, *PAGE)
    ended.succeeded()
    assert "3 records were refused" in ended.out
    letters = verb("dead-letters", "--target", str(target))
    assert letters.out.count("\n") == 3 and "notes_120" in letters.out
    assert "notes_120" not in {name.partition("/")[2] for name in stored(target).records}

    with psycopg.connect(with_bad_rows) as connection:
        connection.execute("UPDATE notes SET body = '{}' WHERE id IN (7, 120)")
    again = verb("replay", "--target", str(target), "--source", with_bad_rows)
    again.succeeded()
    assert "1 records were refused" in again.out
    assert verb("dead-letters", "--target", str(target)).out.count("\n") == 1
    assert stored(target).kinds.total() == 249


def test_row_in_bad_encoding_is_refused_alone(debian_postgres: DebianPostgres, target: Path) -> None:
    with debian_postgres.connect() as connection:
        connection.execute(
            "CREATE DATABASE ascii ENCODING SQL_ASCII TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    debian_postgres.psql(
        r"CREATE TABLE t (id int PRIMARY KEY, v text);"
        r" INSERT INTO t SELECT n, 'v' FROM generate_series(1, 20) n;"
        r" UPDATE t SET v = E'\xe9' WHERE id = 5;",
        "ascii",
    )
    ended = migrate(debian_postgres.dsn("ascii"), target)
    ended.succeeded()
    assert "1 records were refused" in ended.out
    assert stored(target).kinds.total() == 19


def test_password_is_nowhere(debian_postgres: DebianPostgres, target: Path) -> None:
    database = debian_postgres.create_database("secret")
    with psycopg.connect(database) as connection:
        shop.build(connection, customers=20)
    password = debian_postgres.passwords["postgres"]
    outputs = [
        migrate(database, target, "--log-level", "debug"),
        migrate(database, target, "--dry-run"),
        migrate(database, target.with_name("json"), "--log-level", "debug", "--log-format", "json"),
        verb("runs", "--target", str(target)),
    ]
    for ended in outputs:
        assert ended.code == 0, ended.err
        assert password not in ended.out + ended.err
    for path in target.parent.rglob("*"):
        assert path.is_dir() or password.encode() not in path.read_bytes(), path


def test_password_from_the_environment_or_a_file(
    debian_postgres: DebianPostgres, iso: str, target: Path
) -> None:
    password = debian_postgres.passwords["postgres"]
    source = iso.replace(f":{password}@", "@")
    assert source != iso
    migrate(source, target, "--dry-run", environment={"ENGRAM_MIGRATE_SOURCE_PASSWORD": password}).succeeded()
    migrate(source, target, "--dry-run", environment={"PGPASSWORD": password}).succeeded()
    file = target.with_name("password")
    file.write_text(password + "\n")
    migrate(source, target, "--source-password-file", str(file)).succeeded()
    migrate(source, target, "--dry-run").failed(3, "password")
