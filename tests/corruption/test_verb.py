"""`engram-migrate validate` as a user gives it, with real sources that are read again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import psycopg
import pytest

from demo import cache
from engram_store import pages
from engram_store.model import DIMENSION
from engram_store.run import Run
from pipelines.__main__ import main
from tests.corruption.conftest import OneServer
from tests.pipelines.stored import only_run, page_files
from tests.servers.postgres import DebianPostgres


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dump of Redis, and the store that it was migrated to in pages of 100 keys."""
    folder = tmp_path_factory.mktemp("migrated")
    cache.build(folder / "shop.rdb", products=60, made_at=1_700_000_000)
    flags = ["--parallel-workers", "1", "--batch-size", "100", "--hash-fields-as-memories"]
    given = ["--use-rdb", str(folder / "shop.rdb"), "--target", str(folder / "store"), *flags]
    assert main(["redis", *given]) == 0
    return folder


@pytest.fixture
def dump(migrated: Path) -> Iterator[Path]:
    """The dump; it is as it was when the test has ended."""
    path = migrated / "shop.rdb"
    data = path.read_bytes()
    yield path
    path.write_bytes(data)


@pytest.fixture
def target(migrated: Path, tmp_path: Path) -> Path:
    """A copy of the store."""
    return Path(shutil.copytree(migrated / "store", tmp_path / "store"))


def validate(target: Path | str, *flags: str) -> int:
    return main(["validate", "--target", str(target), *flags])


def flip_a_bit(run: Run) -> str:
    """Flips a bit of a vector where it lies; gives the id of its memory."""
    page = max(run.page_ids())
    path = run.memories_path(page)
    footer = pages.read_footer(path)
    offset, kind = pages.vector_place(footer, path)
    table = np.memmap(path, kind, "r+", offset, (footer.num_rows, DIMENSION))
    table.view(np.uint16)[3, 5] ^= 4
    table.flush()
    return str(run.memories(page, ["id"])["id"][3])


def test_a_finished_run_is_valid(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, files = only_run(target), page_files(target)
    manifest = run.manifest
    assert validate(target) == 0
    said = capsys.readouterr().out
    assert said.count("✓") == 6 and "\n  valid\n" in said, said
    saved = orjson.loads((run.path / "validation.json").read_bytes())
    assert (saved["version"], saved["valid"], saved["run"], len(saved["checks"])) == (1, True, run.id, 6)
    page, suites = (run.path / f"validation.{form}" for form in ("html", "junit.xml"))
    assert "All 6 checks passed" in page.read_text() and str(page) in said
    assert 'tests="6" failures="0"' in suites.read_text() and str(suites) in said
    assert (run.manifest, page_files(target)) == (manifest, files)


def test_what_no_receipt_can_name_is_named_by_the_source(
    target: Path, server: OneServer, capsys: pytest.CaptureFixture[str]
) -> None:
    id = flip_a_bit(only_run(target))
    assert validate(target) == 6
    said = capsys.readouterr().out
    assert f"/{id}: its embedding differs in 1 of 768 numbers" in said and "as the source has it" in said
    assert validate(target, "--without-source") == 6
    said = capsys.readouterr().out
    assert id not in said and "are not those of its receipt" in said
    assert "every record arrived" not in said and "samples" not in said
    reports = target.parent / "reports"
    assert validate(target, "--without-source", "--report-dir", str(reports)) == 6
    assert "are not those of its receipt" in (reports / "validation.html").read_text()
    assert 'failures="1"' in (reports / "validation.junit.xml").read_text()
    capsys.readouterr()
    assert validate(server.serve(target)) == 6
    assert f"/{id}: its embedding differs in 1 of 768 numbers" in capsys.readouterr().out


def test_a_source_that_is_gone_is_not_needed(
    target: Path, dump: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump.unlink()
    assert validate(target) == 3
    assert "error: " in capsys.readouterr().err
    assert validate(target, "--without-source") == 0


def test_pages_that_changed_since_are_no_corruption(
    target: Path, dump: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.build(dump, products=60, seed=8, made_at=1_700_000_000)
    assert validate(target) == 0
    assert "pages changed in the source since" in capsys.readouterr().out


def test_fewer_samples_can_be_asked_for(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(target, "--samples", "5") == 0
    assert "of 10 sampled memories and edges" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--samples", "none"), "`--samples` is wrong"),
        (("--sampels", "5"), "there is no flag `--sampels`"),
        (("--runner", "DirectRunner"), "there is no flag `--runner`"),
        (("--without-source", "--samples", "5"), "there is no flag `--samples`"),
        (("--run", "another"), "no run `another`"),
    ],
)
def test_wrong_flags_are_refused(
    flags: tuple[str, ...], why: str, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(target, *flags) == 2
    assert why in capsys.readouterr().err


def test_an_unfinished_run_is_refused(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = only_run(target)
    run.save_manifest({**run.manifest, "state": "unfinished"})
    assert validate(target) == validate(target, "--without-source") == 2
    assert "is not finished, and cannot be validated" in capsys.readouterr().err


def test_rows_that_changed_since_are_told_from_wrong_ones(
    debian_postgres: DebianPostgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "INSERT INTO t SELECT i, 'name ' || i, nullif(i - 1, 0) FROM generate_series(1, 60) AS i"
    table = "CREATE TABLE t (id int PRIMARY KEY, name text, parent int REFERENCES t)"
    dsn = debian_postgres.create_database("validated", f"{table}; {rows};")
    target = tmp_path / "store"
    flags = ["--parallel-workers", "1", "--batch-size", "10"]
    assert main(["postgresql", "--source", dsn, "--target", str(target), *flags]) == 0
    assert validate(target, "--source", dsn) == 0
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE t SET name = 'another' WHERE id = 1")
    capsys.readouterr()
    assert validate(target, "--source", dsn) == 0
    assert "pages changed in the source since" in capsys.readouterr().out
    debian_postgres.drop_database("validated")
