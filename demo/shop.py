"""A shop's database: customers, orders, order lines, products, employees; with orphans and odd values.

    python -m demo.shop postgresql://… [--customers 2000 | --rows 1000000]

The same arguments always make the same rows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from importlib.resources import files
from random import Random

import psycopg
from psycopg import sql

from demo import words

DEFAULT_CUSTOMERS = 2_000
#: Rows of all tables together, for each customer: 1 + 5 orders + 12.5 lines + 1.5 visits.
ROWS_PER_CUSTOMER = 20
ORPHANED_ORDERS = 7

_START = datetime(2019, 3, 1, tzinfo=timezone.utc)
_MINUTES = 6 * 365 * 24 * 60
_EMPLOYEES = 40
_PRODUCTS = 400
_WAREHOUSES = 3

Connection = psycopg.Connection[tuple[object, ...]]
Row = tuple[object, ...]


def build(connection: Connection, customers: int = DEFAULT_CUSTOMERS, seed: int = 7) -> dict[str, int]:
    """Makes the shop's tables in an empty database and fills them by COPY.

    Args:
        connection: To the database; the work is committed.
        customers: Sets the size: five orders a customer, two and a half lines an order.
        seed: Another seed makes another shop of the same size.

    Returns:
        Rows by table.
    """
    random = Random(seed)
    tables = {
        "employees": _employees(random),
        "customers": _customers(random, customers),
        "products": _products(random),
        "orders": _orders(random, customers),
        "order_lines": _order_lines(random, customers * 5),
        "stock_levels": _stock_levels(random),
        "visits": _visits(random, customers),
    }
    with connection.transaction():
        _run(connection, "schema.sql")
        counts = {table: _copy(connection, table, rows) for table, rows in tables.items()}
        _run(connection, "constraints.sql")
    return counts


def _run(connection: Connection, script: str) -> None:
    connection.execute(files("demo").joinpath(script).read_bytes())


def _copy(connection: Connection, table: str, rows: Iterable[Row]) -> int:
    count = 0
    statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def _employees(random: Random) -> Iterator[Row]:
    for number in range(1, _EMPLOYEES + 1):
        manager = None if number == 1 else random.randint(1, max(1, number // 4))
        hired = date(2010, 1, 1) + timedelta(days=random.randrange(4_000))
        title = "Director" if number == 1 else random.choice(words.TITLES)
        yield number, _name(random), title, manager, hired


def _customers(random: Random, count: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        name = _name(random)
        email = f"{name.split()[0].lower()}.{number}@example.org" if random.random() < 0.97 else None
        yield (
            number,
            name,
            email,
            _bio(random, number),
            random.choice(words.CITIES),
            json.dumps({"newsletter": random.random() < 0.4, "tags": random.sample(words.TAGS, 2)}),
            random.randint(1, _EMPLOYEES),
            "infinity" if number % 50 == 0 else _moment(random),
            _moment(random),
        )


def _products(random: Random) -> Iterator[Row]:
    for number in range(1, _PRODUCTS + 1):
        adjective, noun = random.choice(words.ADJECTIVES), random.choice(words.GOODS)
        attributes = {
            "colour": random.choice(words.COLOURS),
            "size": {"width": random.randint(5, 200), "height": random.randint(5, 200)},
            "eco": None if number % 9 == 0 else number % 2 == 0,
        }
        yield (
            _sku(number),
            f"{adjective} {noun}",
            None if number % 11 == 0 else f"A {adjective.lower()} {noun} in {attributes['colour']}.",
            json.dumps(attributes, ensure_ascii=False),
            Decimal(random.randrange(99, 99_999)) / 100,
            Decimal("NaN") if number % 37 == 0 else Decimal(random.randrange(1, 40_000)) / 1000,
            random.randbytes(64) if number % 5 == 0 else None,
        )


def _orders(random: Random, customers: int) -> Iterator[Row]:
    for number in range(1, customers * 5 + 1):
        deleted = number <= ORPHANED_ORDERS
        yield (
            number,
            customers + number if deleted else random.randint(1, customers),
            random.randint(1, _EMPLOYEES) if number % 8 else None,
            random.choice(words.STATUSES),
            random.choice(words.NOTES) if number % 3 == 0 else None,
            _moment(random),
        )


def _order_lines(random: Random, orders: int) -> Iterator[Row]:
    for order in range(1, orders + 1):
        for line in range(1, 3 + order % 2):
            price = Decimal(random.randrange(99, 99_999)) / 100
            yield order, line, _sku(random.randint(1, _PRODUCTS)), random.randint(1, 9), price


def _stock_levels(random: Random) -> Iterator[Row]:
    for warehouse in range(1, _WAREHOUSES + 1):
        for number in range(1, _PRODUCTS + 1):
            counted = "-infinity" if number % 100 == 0 else _moment(random)
            yield warehouse, _sku(number), random.randint(0, 500), counted


def _visits(random: Random, customers: int) -> Iterator[Row]:
    for number in range(customers * 3 // 2):
        # Beyond the last customer: nothing declares this column, so nothing keeps it true.
        customer = None if number % 10 == 0 else random.randint(1, customers + 20)
        moment = _moment(random).replace(tzinfo=None)
        yield customer, f"/{random.choice(words.GOODS).replace(' ', '-')}", moment
        if number == 0:
            yield customer, "/twice", moment
            yield customer, "/twice", moment


def _name(random: Random) -> str:
    return f"{random.choice(words.FIRST_NAMES)} {random.choice(words.LAST_NAMES)}"


def _bio(random: Random, number: int) -> str | None:
    if number % 13 == 0:
        return words.ODD_TEXTS[number // 13 % len(words.ODD_TEXTS)]
    likes = random.sample(words.GOODS, 2)
    return f"Likes {likes[0]} and {likes[1]}; {random.choice(words.HABITS)}."


def _moment(random: Random) -> datetime:
    return _START + timedelta(minutes=random.randrange(_MINUTES), microseconds=random.randrange(10**6))


def _sku(number: int) -> str:
    return f"SKU-{number:06}"


def main(arguments: list[str] | None = None) -> None:
    """Builds the shop in the database of the DSN and prints the rows of each table."""
    parser = argparse.ArgumentParser(prog="python -m demo.shop", description="Build the demo's shop.")
    parser.add_argument("dsn", help="an empty PostgreSQL database, as a connection string")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--customers", type=int, default=DEFAULT_CUSTOMERS)
    size.add_argument("--rows", type=int, help="about so many rows in all tables together")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    customers = options.rows // ROWS_PER_CUSTOMER if options.rows else options.customers
    with psycopg.connect(options.dsn) as connection:
        for table, count in build(connection, customers, options.seed).items():
            sys.stdout.write(f"{table:<14}{count:>12,}\n")


if __name__ == "__main__":
    main()
