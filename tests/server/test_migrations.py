"""A migration into a server is the migration into a store: the same records, whatever happens between."""

from __future__ import annotations

import json
import re
import signal
import tempfile
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from demo import shop
from engram_store.store import Store
from tests.pipelines.command import Started, migration, run, start, until, verb
from tests.pipelines.stored import kept, only_run, page_files
from tests.server.proxy import FAULTS, Often, Proxy
from tests.server.records import records
from tests.server.serving import Serving
from tests.servers.postgres import WheelPostgres

PAGES = ("--batch-size", "25")


@pytest.fixture(scope="module")
def shop_database(wheel_postgres: WheelPostgres) -> str:
    """About 1,500 rows, in about 60 pages of 25."""
    dsn = wheel_postgres.create_database("shop_over_http")
    with psycopg.connect(dsn) as connection:
        shop.build(connection, 60)
    return dsn


@pytest.fixture(scope="module")
def undisturbed(shop_database: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the same migration by its path, with nothing between."""
    target = tmp_path_factory.mktemp("undisturbed") / "store"
    run(*migration(shop_database, target, *PAGES)).succeeded()
    return target


def migrating(source: str, url: str, *flags: str) -> Started:
    # Not in the folder that the tests are started in.
    reports = str(Path(tempfile.gettempdir(), "engram-report"))
    arguments = migration(source, Path("."), *PAGES, "--report-dir", reports, *flags)
    return start(*("--target" if word == "--target" else url if word == "." else word for word in arguments))


def without_times(text: str) -> str:
    """A report's text without what differs from run to run."""
    return re.sub(r"[\d,.]+ s, [\d,.]+/s, [\d,]+ MB memory|(?<=Report: )(.|\n)*|→ \S+", "", text)


def test_a_path_and_a_server_hold_the_same(
    shop_database: str, undisturbed: Path, serving: Serving, tmp_path: Path
) -> None:
    ended = migrating(shop_database, serving.url, "--report-dir", str(tmp_path / "reports")).end()
    ended.succeeded()
    place = f"{serving.url}/api/v1/engram/runs/{only_run(undisturbed).id}/report.json"
    report = httpx.get(place, trust_env=False).json()
    assert report["valid"] is True
    page, document, _ = ended.out.rsplit("Report: ", 1)[1].split()
    assert json.loads(Path(document).read_bytes()) == report
    assert Path(page) == tmp_path / "reports" / "report.html" and Path(page).exists()
    assert records(serving.url) == records(undisturbed)
    again = migrating(shop_database, serving.url).end()
    again.succeeded()
    assert " 0 of them in this attempt" in again.out


def test_the_verbs_answer_the_same(shop_database: str, undisturbed: Path, serving: Serving) -> None:
    migrating(shop_database, serving.url).end().succeeded()
    asked = [
        ("runs",),
        ("spaces",),
        ("get", "customers", "customers_7"),
        ("edges", "orders", "orders_7"),
        ("neighbours", "customers", "customers_7", "--depth", "2"),
        ("recall", "woollen blanket", "--space", "products"),
        ("dead-letters",),
        ("finalize",),
    ]
    for words in asked:
        by_path, by_url = (verb(*words, "--target", str(target)) for target in (undisturbed, serving.url))
        by_url.succeeded()
        hide = re.compile(r"activation: \S+")
        assert hide.sub("", by_url.out) == hide.sub("", by_path.out), words
    verb("get", "customers", "nobody", "--target", serving.url).failed(2, "no memory `nobody`")
    name = Store.open(undisturbed).runs()[0]
    verb("undo", name, "--target", serving.url).succeeded()
    assert "0 memories are left" not in verb("runs", "--target", serving.url).out
    assert verb("spaces", "--target", serving.url).out == ""


def test_refused_records_are_replayed(wheel_postgres: WheelPostgres, serving: Serving) -> None:
    dsn = wheel_postgres.create_database("refused_over_http", _LONG_NOTES)
    limit = ("--max-content-bytes", "1000")
    first = migrating(dsn, serving.url, *limit).end()
    first.succeeded()
    assert len(verb("dead-letters", "--target", serving.url).out.splitlines()) == 3
    replayed = verb("replay", "--target", serving.url, "--max-content-bytes", "100000")
    replayed.succeeded()
    assert verb("dead-letters", "--target", serving.url).out == ""
    assert "10  notes" in verb("spaces", "--target", serving.url).out


_LONG_NOTES = """
CREATE TABLE notes (id integer PRIMARY KEY, body text);
INSERT INTO notes SELECT n, CASE WHEN n <= 3 THEN repeat('long ', 500) ELSE 'short' END
FROM generate_series(1, 10) AS n;
"""


def _settled(process: Started, source: str, url: str) -> None:
    """Lets a migration come to its end; if it gave up, the same command goes on."""
    ended = process.end()
    for _ in range(3):
        if ended.code == 0:
            return
        ended.failed(4)
        ended = migrating(source, url).end()
    ended.succeeded()


def _some_pages(serving: Serving, process: Started, pages: int) -> None:
    until(lambda: len(page_files(serving.store)) >= pages or not process.running())
    assert process.running(), process.end()


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back(
    shop_database: str, undisturbed: Path, serving: Serving
) -> None:
    process = migrating(shop_database, serving.url)
    for pages in (3, 20):
        _some_pages(serving, process, pages)
        serving.kill()
        before = page_files(serving.store)
        time.sleep(0.5)
        serving.start()
        assert kept(before, page_files(serving.store))
    _settled(process, shop_database, serving.url)
    assert records(serving.url) == records(undisturbed)


@pytest.mark.slow
def test_a_server_that_stays_away_ends_the_run_and_the_same_command_goes_on(
    shop_database: str, undisturbed: Path, serving: Serving
) -> None:
    process = migrating(shop_database, serving.url)
    _some_pages(serving, process, 5)
    serving.kill()
    before = page_files(serving.store)
    process.end().failed(4, "cannot be reached", "engram-migrate serve")
    serving.start()
    migrating(shop_database, serving.url).end().succeeded()
    assert kept(before, page_files(serving.store))
    assert records(serving.url) == records(undisturbed)


@pytest.mark.slow
def test_a_server_that_stands_still_for_a_while(
    shop_database: str, undisturbed: Path, serving: Serving
) -> None:
    process = migrating(shop_database, serving.url)
    for pages in (3, 20):
        _some_pages(serving, process, pages)
        serving.signal(signal.SIGSTOP)
        time.sleep(3)
        assert process.running()
        serving.signal(signal.SIGCONT)
    process.end().succeeded()
    assert records(serving.url) == records(undisturbed)


@pytest.mark.slow
def test_a_migration_that_is_killed_leaves_the_server_free(
    shop_database: str, undisturbed: Path, serving: Serving
) -> None:
    process = migrating(shop_database, serving.url)
    _some_pages(serving, process, 5)
    process.signal(signal.SIGKILL)
    before = page_files(serving.store)
    process.end()
    migrating(shop_database, serving.url).end().succeeded()
    assert kept(before, page_files(serving.store))
    assert records(serving.url) == records(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["pages", "the rest"])
def test_a_network_and_a_server_in_trouble(
    shop_database: str, undisturbed: Path, serving: Serving, part: str
) -> None:
    trouble = Often(lambda method, path: ("/pages/" in path and method == "PUT") == (part == "pages"))
    with Proxy(serving.port, trouble) as proxy:
        _settled(migrating(shop_database, proxy.url), shop_database, proxy.url)
    assert trouble.met.keys() >= set(FAULTS), trouble.met
    assert records(serving.url) == records(undisturbed)


def test_a_second_migration_is_refused(shop_database: str, serving: Serving) -> None:
    process = migrating(shop_database, serving.url)
    _some_pages(serving, process, 1)
    process.signal(signal.SIGSTOP)
    verb("finalize", "--target", serving.url).failed(4, "in use by process")
    migrating(shop_database, serving.url, "--run", "another").end().failed(4, "in use by process")
    process.signal(signal.SIGCONT)
    process.end().succeeded()


def test_the_store_of_a_server_is_not_written_by_its_path(shop_database: str, serving: Serving) -> None:
    run(*migration(shop_database, serving.store)).failed(4, "in use by process")
