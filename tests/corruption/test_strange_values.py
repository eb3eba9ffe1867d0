"""Whatever stands in a row of the read index, validating names it, or says that the index is damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.corruption.conftest import OneServer
from tests.corruption.test_planted import wrong

#: By what a row of each table is found.
_KEYS = {"memory_key": "id", "page_space": "first"}
#: Readers do not use it.
_UNUSED = [("edge_page", "rows")]


@pytest.mark.parametrize("value", ["x'ff00'", "'x'", "9e999", "NULL", "-1"])
def test_strange_values_are_found(value: str, store: Path, pristine: Path) -> None:
    assert _unnoticed(value, store, str(store), pristine) == []


@pytest.mark.parametrize("value", ["x'ff00'", "9e999"])
def test_strange_values_are_found_through_a_server(
    value: str, store: Path, pristine: Path, server: OneServer
) -> None:
    assert _unnoticed(value, store, server, pristine) == []


def _unnoticed(value: str, store: Path, target: str | OneServer, pristine: Path) -> list[str]:
    """The columns in which nobody noticed a value that one row was given."""
    (file,) = store.glob("serving/*/index.sqlite")
    sound, unnoticed, tried = file.read_bytes(), [], 0
    for table, column in _columns(file):
        file.write_bytes(sound)
        if not _changed(file, table, column, value):
            continue
        tried += 1
        if not wrong(target if isinstance(target, str) else target.serve(store), pristine):
            unnoticed.append(f"{table}.{column}")
    assert tried >= 30
    return unnoticed


def _columns(file: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as index:
        return index.execute(
            "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c"
            " WHERE t.type = 'table' AND (t.name, c.name) NOT IN (VALUES (?, ?))",
            *_UNUSED,
        ).fetchall()


def _changed(file: Path, table: str, column: str, value: str) -> bool:
    """Gives a row in the middle of a table a value, unless it has that, or the table refuses it."""
    key = _KEYS.get(table, "rowid")
    row = f"SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET (SELECT count(*) / 2 FROM {table})"
    change = f"UPDATE {table} SET {column} = {value} WHERE {key} = ({row}) AND {column} IS NOT {value}"
    with closing(sqlite3.connect(file)) as index, index:
        try:
            return index.execute(change).rowcount > 0
        except sqlite3.IntegrityError:
            return False
