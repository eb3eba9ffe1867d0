"""The server goes away in the middle, its rows change meanwhile: the store is that of the final rows."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.pipelines.command import migrate, migration, start, until, verb
from tests.pipelines.conftest import PAGE, make_shop
from tests.pipelines.stored import page_files, report, stored
from tests.servers.postgres import DebianPostgres

#: Each touches at most two pages: where the row was, and where its new version is.
CHANGES = (
    "UPDATE customers SET city = 'Changed' WHERE id = 1",
    "UPDATE orders SET note = 'Changed' WHERE id IN (50, 4000)",
    "DELETE FROM order_lines WHERE order_id = 60",
    "INSERT INTO employees VALUES (41, 'New', 'Buyer', 1, '2024-01-01')",
    "INSERT INTO visits VALUES (1, '/new', '2024-01-01')",
)
_MOST_PAGES_CHANGED = 2 * (len(CHANGES) + 1)
WORKERS = 2


def _execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _replaced(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Pages that were there, and are not as they were."""
    return [name for name, file in before.items() if after.get(name) != file]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_server_restarts_in_the_middle(
    own_postgres: DebianPostgres, target: Path, tmp_path: Path, how: signal.Signals
) -> None:
    database = make_shop(own_postgres, "shop")
    process = start(*migration(database, target, *PAGE))
    until(lambda: len(page_files(target)) > 80 or not process.running())
    own_postgres.stop(how)
    process.end(120).failed(75, "`")
    pages = page_files(target)
    assert 80 < len(pages) < 200, "the server was not stopped in the middle"

    own_postgres.start()
    _execute(database, *CHANGES)
    again = migrate(database, target, *PAGE)
    again.succeeded()
    assert "read in 2 attempts" in again.out
    assert len(_replaced(pages, page_files(target))) <= _MOST_PAGES_CHANGED + WORKERS
    migrate(database, tmp_path / "undisturbed", *PAGE).succeeded()
    assert stored(target).differences(stored(tmp_path / "undisturbed")) == []


def test_server_that_is_away_at_first_is_an_error(own_postgres: DebianPostgres, target: Path) -> None:
    database = own_postgres.create_database("away")
    own_postgres.stop()
    migrate(database, target).failed(3, "Connection refused", "`postgresql://127.0.0.1")
    assert not target.exists()


@pytest.fixture
def changeable(debian_postgres: DebianPostgres, request: pytest.FixtureRequest) -> str:
    return make_shop(debian_postgres, f"changeable_{abs(hash(request.node.name))}", customers=100)


def test_changed_row_is_read_again_and_seen(changeable: str, target: Path) -> None:
    migrate(changeable, target, *PAGE).succeeded()
    pages = page_files(target)
    with psycopg.connect(changeable) as connection:
        # Within its block: the same page holds the row before and after.
        connection.execute("UPDATE employees SET title = 'Changed' WHERE id = 7")
    migrate(changeable, target, *PAGE).succeeded()
    assert len(_replaced(pages, page_files(target))) == 1
    shown = verb("get", "employees", "employees_7", "--target", str(target))
    assert '"title":"Changed"' in shown.out


def test_deleted_row_disappears_and_new_row_appears(changeable: str, target: Path, tmp_path: Path) -> None:
    migrate(changeable, target, *PAGE).succeeded()
    _execute(
        changeable,
        "DELETE FROM order_lines WHERE order_id = 20",
        "DELETE FROM orders WHERE id = 20",
        "INSERT INTO employees VALUES (41, 'New', 'Buyer', 1, '2024-01-01')",
    )
    migrate(changeable, target, *PAGE).succeeded()
    verb("get", "orders", "orders_20", "--target", str(target)).failed(2, "no memory `orders_20`")
    verb("get", "employees", "employees_41", "--target", str(target)).succeeded()
    migrate(changeable, tmp_path / "afresh", *PAGE).succeeded()
    assert stored(target).differences(stored(tmp_path / "afresh")) == []
    assert report(target)["valid"]


def test_parent_whose_key_changed_takes_its_edges_along(
    sample_copy: Callable[[str], str], target: Path, tmp_path: Path
) -> None:
    """`msg` refers to `usr` by its email: the child's row stays as it was, and its edge must not."""
    database = sample_copy("torture")
    migrate(database, target).succeeded()
    _execute(
        database,
        "UPDATE app.usr SET best_friend = NULL",
        "INSERT INTO app.usr VALUES (9, 'nine@x', 9, 'nine', NULL)",
        "ALTER TABLE app.msg DROP CONSTRAINT msg_from_email_fkey",
        "UPDATE app.usr SET email = 'old@x' WHERE email = 'b@x'",
        "UPDATE app.usr SET email = 'b@x' WHERE id = 9",
        "ALTER TABLE app.msg ADD FOREIGN KEY (from_email) REFERENCES app.usr (email)",
    )
    migrate(database, target).succeeded()
    migrate(database, tmp_path / "afresh").succeeded()
    assert stored(target).differences(stored(tmp_path / "afresh")) == []


def test_table_emptied_and_filled_again(changeable: str, target: Path, tmp_path: Path) -> None:
    migrate(changeable, target, *PAGE).succeeded()
    _execute(changeable, "TRUNCATE visits", "DELETE FROM order_lines")
    migrate(changeable, target, *PAGE).succeeded()
    _execute(changeable, "INSERT INTO visits SELECT id, '/', '2024-01-01' FROM customers")
    migrate(changeable, target, *PAGE).succeeded()
    migrate(changeable, tmp_path / "afresh", *PAGE).succeeded()
    assert stored(target).differences(stored(tmp_path / "afresh")) == []
