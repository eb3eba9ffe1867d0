"""Look-ups of single rows find what is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from engram_store.errors import SourceError
from io_connectors.postgresql.introspect import Selection, read_catalogue
from io_connectors.postgresql.lookups import PostgresLookups
from io_connectors.postgresql.session import PostgresAddress, connect
from tests.servers.postgres import WheelPostgres

_TABLES = """
CREATE SCHEMA "odd.name";
CREATE TABLE "odd.name"."a""b" (a int, b text, PRIMARY KEY (a, b));
INSERT INTO "odd.name"."a""b" VALUES (1, 'x,"y'), (2, 'z');
CREATE TABLE owner (id uuid PRIMARY KEY, boss uuid REFERENCES owner);
INSERT INTO owner VALUES ('00000000-0000-0000-0000-000000000001', NULL),
  ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001');
CREATE TABLE pet (id int PRIMARY KEY, owner uuid REFERENCES owner) PARTITION BY RANGE (id);
CREATE TABLE pet_low PARTITION OF pet FOR VALUES FROM (0) TO (100);
INSERT INTO pet SELECT n, '00000000-0000-0000-0000-000000000002' FROM generate_series(1, 5) AS n;
CREATE TABLE note (line text);
INSERT INTO note SELECT 'x' FROM generate_series(1, 200);
"""
_BOSS, _OWNER = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))


@pytest.fixture(scope="module")
def lookups(wheel_postgres: WheelPostgres) -> Iterator[PostgresLookups]:
    dsn = wheel_postgres.create_database("looked_up", _TABLES)
    with closing(connect(PostgresAddress.parse(dsn), purpose="test")) as connection:
        yield PostgresLookups(connection, read_catalogue(connection, Selection((), ())))


@pytest.mark.parametrize(
    ("kind", "key", "found"),
    [
        ("public.owner", _OWNER, 1),
        ("public.owner", "00000000-0000-0000-0000-000000000009", 0),
        ('"odd.name".a"b', '["1","x,\\"y"]', 1),
        ('"odd.name".a"b', '["1","z"]', 0),
        ("public.pet", "3", 1),
        ("public.note", "a hash", None),
        ("public.none", "1", None),
    ],
)
def test_a_row_is_found_by_its_key(lookups: PostgresLookups, kind: str, key: str, found: int | None) -> None:
    assert lookups.by_key(kind, key) == found


@pytest.mark.parametrize(
    ("kind", "key", "found"),
    [
        ("public.owner", _OWNER, 6),  # five pets and a boss
        ("public.owner", _BOSS, 1),
        ("public.pet", "3", 1),
        ("public.pet", "9", 0),
        ('"odd.name".a"b', '["1","x"]', None),
        ("public.note", "a hash", None),
    ],
)
def test_related_rows_are_found_both_ways(
    lookups: PostgresLookups, kind: str, key: str, found: int | None
) -> None:
    assert lookups.related(kind, key) == found


def test_the_first_rows_of_a_table(lookups: PostgresLookups) -> None:
    assert lookups.first("public.note", 100) == 100
    assert lookups.first("public.pet", 100) == 5
    assert lookups.first("public.none", 100) is None


def test_a_failed_look_up_is_an_error_of_the_tree(lookups: PostgresLookups) -> None:
    with pytest.raises(SourceError, match="looking up single rows failed"):
        lookups.by_key("public.pet", "three")
