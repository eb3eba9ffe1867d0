"""Every PostgreSQL type reads back from the store by value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engram_store.store import Store
from tests.pipelines.command import migrate
from tests.servers.samples import SampleDatabases

Row = Mapping[str, Any]

#: What the first row of ``app.alltypes`` must read as, written by hand.
_FIRST = {
    "id": Decimal(1),
    "b": True,
    "i2": Decimal(-32768),
    "i4": Decimal(2147483647),
    "i8": Decimal(9223372036854775807),
    "f4": Decimal("1.1"),
    "f8": Decimal("0.1"),
    "n": Decimal("123456789012345678901234567890.123456789"),
    "nn": Decimal("12.5000"),
    "m": "$12.34",
    "c": "ab   ",
    "vc": "vc",
    "t": "text",
    "ct": "CiText",
    "nm": "nm",
    "qc": "q",
    "ba": r"\xdeadbeef",
    "d": "2024-02-29",
    "ti": "23:59:59.999999",
    "tz": "12:00:00+05:30",
    "ts": "2024-01-01T00:00:00.123456",
    "tstz": "2024-01-01T00:00:00.123456+00:00",
    "iv": "1 year 2 mons 3 days 04:05:06.789",
    "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "j": {"a": Decimal(2), "big": Decimal("12345678901234567890.123")},
    "jb": {"k": [Decimal(1), Decimal(2), {"z": None}], "é": "é"},
    "x": "<a>x</a>",
    "arr": [Decimal(1), Decimal(2), None],
    "arr2": [["a", "b"], ["c", "d"]],
    "arrn": ['x"y', None, "", "NULL"],
    "mood": "hap py",
    "moods": ["sad", "ok"],
    "pos": Decimal(5),
    "em": "A@b.c",
    "comp": {"street": 'st, "x"', "zip": Decimal(1), "geo": "(1,2)"},
    "comps": [{"street": "a", "zip": Decimal(1), "geo": None}],
    "r4": "[1,5)",
    "rn": "[1.5,)",
    "rts": '["2024-01-01 00:00:00+00",infinity)',
    "mr": "{[1,3),[5,8)}",
    "ip": "10.0.0.1/24",
    "cd": "10.0.0.0/8",
    "mac": "08:00:2b:01:02:03",
    "bi": "1010",
    "vb": "110",
    "pt": "(1,2)",
    "bx": "(1,1),(0,0)",
    "pg": "((0,0),(1,1),(1,0))",
    "tsv": "'a' 'cat' 'fat'",
    "tsq": "'fat' & 'cat'",
    "hs": {"a": "1", "b": None},
    "lt": "Top.Sci",
    "o": "42",
    "rc": "app.alltypes",
    "lsn": "16/B374D848",
    "gen": Decimal(1073741823),
    'Mixed Case "q" col': "mc",
    "select": "kw",
}

#: What other rows must read as, where a driver's own types would fail.
_ODD: Mapping[int, Row] = {
    2: {"f4": "NaN", "f8": "NaN", "n": "NaN", "d": "infinity", "ti": "24:00:00", "ts": "infinity",
        "tstz": "-infinity", "iv": "-1 days +02:00:00", "j": None, "jb": None, "arr": [], "arrn": [],
        "t": "", "ba": r"\x", "r4": "empty", "rts": "(,)", "mr": "{}", "ip": "::1", "hs": {}, "i8": None},
    3: {"f4": "Infinity", "f8": "-Infinity", "n": "Infinity", "i8": Decimal(-9007199254740993),
        "t": 'tab\tnl\ncr\r bs\\ q" uni \u2028 \U0001f600 ctrl\u0001\u007f', "d": "0044-03-15 BC",
        "tz": "00:00:00-15:59", "ts": "0001-01-01T00:00:00 BC",
        "tstz": "294276-12-31T23:59:59.999999+00:00", "iv": "178000000 years",
        "j": [], "jb": Decimal(9007199254740993), "arr": [Decimal(7), Decimal(8), Decimal(9)],
        "arr2": [[None]], "comp": {"street": None, "zip": None, "geo": None}, "comps": [],
        "hs": {"k k": 'v"v'}, "o": "4294967295", "c": "     "},
    4: {"d": "10000-01-01", "ts": "10000-01-01T00:00:00", "tstz": "12345-06-07T08:09:10+00:00"},
    5: {"d": "5874897-12-31", "ts": "4713-01-01T00:00:00 BC", "tstz": "0099-01-01T00:00:00+00:00"},
}  # fmt: skip


@pytest.fixture(scope="module")
def contents(
    sample_database: SampleDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[Row]]:
    """What the store gives back: table → its rows."""
    target = tmp_path_factory.mktemp("torture") / "store"
    migrate(sample_database("torture"), target, "--batch-size", "3").succeeded()
    return _contents(target)


def _contents(target: Path) -> Mapping[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    with Store.open(target).reader() as reader:
        for space in reader.spaces():
            for memory in reader.scan(space):
                tables.setdefault(memory.source.kind, []).append(_exact(memory.content))
    return tables


def _exact(text: str) -> Row:
    row: Row = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return row


def test_first_row_of_all_types_is_as_written_by_hand(contents: Mapping[str, list[Row]]) -> None:
    (row,) = (row for row in contents["app.alltypes"] if row["id"] == 1)
    assert dict(row) == _FIRST
    assert str(row["nn"]) == "12.5000"


@pytest.mark.parametrize("number", _ODD)
def test_odd_values_are_as_written_by_hand(contents: Mapping[str, list[Row]], number: int) -> None:
    (row,) = (row for row in contents["app.alltypes"] if row["id"] == number)
    assert {name: row[name] for name in _ODD[number]} == _ODD[number]


def test_every_row_of_every_table_is_what_psql_reads(
    contents: Mapping[str, list[Row]], sample_database: SampleDatabases
) -> None:
    for table, known in sample_database.truth["torture"]["tables"].items():
        if known["is_partition"] or not known["rows_only"]:
            continue
        schema, _, name = table.partition(".")
        quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
        only = "" if known["kind"] == "p" else "ONLY "
        # row_to_json of a table without columns is {}.
        script = (
            "SET TimeZone TO 'UTC'; SET lc_monetary TO 'C';"
            f" SELECT row_to_json(r.*) FROM {only}{quoted} AS r;"
        )
        lines = sample_database.server.psql(script, "torture").split("\n")
        theirs = sorted(map(repr, map(_exact, filter(None, lines))))
        assert sorted(map(repr, contents[table])) == theirs, table
