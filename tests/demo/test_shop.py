"""The demo's shop is the same every time, and holds what a migration may stumble over."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from demo import shop
from tests.servers.postgres import WheelPostgres

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def built(wheel_postgres: WheelPostgres) -> Iterator[Connection]:
    with psycopg.connect(_empty_database(wheel_postgres), autocommit=True) as connection:
        shop.build(connection, customers=100)
        yield connection


def _empty_database(server: WheelPostgres) -> str:
    return server.create_database(f"shop_{uuid4().hex[:8]}")


def _one(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def _fingerprint(connection: Connection) -> list[object]:
    tables = ("employees", "customers", "products", "orders", "order_lines", "stock_levels", "visits")
    digest = "SELECT count(*) || md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} t"
    return [_one(connection, digest.format(table)) for table in tables]


def test_same_arguments_make_the_same_rows(wheel_postgres: WheelPostgres, built: Connection) -> None:
    with psycopg.connect(_empty_database(wheel_postgres)) as again:
        shop.build(again, customers=100)
        assert _fingerprint(again) == _fingerprint(built)


def test_counts_returned_are_the_tables_counts(wheel_postgres: WheelPostgres) -> None:
    with psycopg.connect(_empty_database(wheel_postgres)) as connection:
        counts = shop.build(connection, customers=40, seed=1)
        assert counts == {table: _one(connection, f"SELECT count(*) FROM {table}") for table in counts}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (
            "SELECT count(*) FROM orders o LEFT JOIN customers c ON c.id = customer_id WHERE c.id IS NULL",
            shop.ORPHANED_ORDERS,
        ),
        ("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated", 1),
        ("SELECT count(*) FROM employees WHERE manager_id IS NULL", 1),
        ("SELECT count(*) FROM customers WHERE valid_until = 'infinity'", 2),
        ("SELECT count(*) FROM products WHERE weight_kg = 'NaN'", 10),
        ("SELECT count(*) FROM visits WHERE page = '/twice'", 2),
        ("SELECT count(*) FROM customers WHERE bio = ''", 1),
        ("SELECT count(*) FROM customers WHERE bio LIKE '%👩‍🚀%'", 1),
    ],
)
def test_shop_holds_what_is_odd(built: Connection, query: str, count: int) -> None:
    assert _one(built, query) == count


def test_rows_option_sets_the_size(wheel_postgres: WheelPostgres, capsys: pytest.CaptureFixture[str]) -> None:
    shop.main([_empty_database(wheel_postgres), "--rows", "10000"])
    rows = sum(int(line.split()[1].replace(",", "")) for line in capsys.readouterr().out.splitlines())
    assert 10_000 <= rows <= 12_000
