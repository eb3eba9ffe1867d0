"""Every column of the torture sample's ``alltypes``, by value; written by hand from torture.sql.

The texts are JSON, compared as text: a number that lost a digit or a zero is another value.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from io_connectors.postgresql.introspect import Selection
from tests.postgresql.planning import planned
from tests.servers.samples import SampleDatabases
from transforms.mapping.tables import TableChoices

COLUMNS = [
    *("id", "b", "i2", "i4", "i8", "f4", "f8", "n", "nn", "m", "c", "vc", "t", "ct", "nm", "qc", "ba"),
    *("d", "ti", "tz", "ts", "tstz", "iv", "u", "j", "jb", "x", "arr", "arr2", "arrn", "mood", "moods"),
    *("pos", "em", "comp", "comps", "r4", "rn", "rts", "mr", "ip", "cd", "mac", "bi", "vb", "pt", "bx"),
    *("pg", "tsv", "tsq", "hs", "lt", "o", "rc", "lsn", "gen", 'Mixed Case "q" col', "select"),
]

ROWS: dict[int, dict[str, Any]] = {
    1: {
        "b": True,
        "i2": -32768,
        "i4": 2147483647,
        "i8": 9223372036854775807,
        "f4": "#1.1",
        "f8": "#0.1",
        "n": "#123456789012345678901234567890.123456789",
        "nn": "#12.5000",
        "m": "$12.34",
        "c": "ab   ",
        "vc": "vc",
        "t": "text",
        "ct": "CiText",
        "nm": "nm",
        "qc": "q",
        "ba": "\\xdeadbeef",
        "d": "2024-02-29",
        "ti": "23:59:59.999999",
        "tz": "12:00:00+05:30",
        "ts": "2024-01-01T00:00:00.123456",
        "tstz": "2024-01-01T00:00:00.123456+00:00",
        "iv": "1 year 2 mons 3 days 04:05:06.789",
        "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "j": [["a", 1], ["a", 2], ["big", "#12345678901234567890.123"]],
        "jb": [["k", [1, 2, [["z", None]]]], ["é", "é"]],
        "x": "<a>x</a>",
        "arr": [1, 2, None],
        "arr2": [["a", "b"], ["c", "d"]],
        "arrn": ['x"y', None, "", "NULL"],
        "mood": "hap py",
        "moods": ["sad", "ok"],
        "pos": 5,
        "em": "A@b.c",
        "comp": [["street", 'st, "x"'], ["zip", 1], ["geo", "(1,2)"]],
        "comps": [[["street", "a"], ["zip", 1], ["geo", None]]],
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
        "hs": [["a", "1"], ["b", None]],
        "lt": "Top.Sci",
        "o": "42",
        "rc": "app.alltypes",
        "lsn": "16/B374D848",
        "gen": 1073741823,
        'Mixed Case "q" col': "mc",
        "select": "kw",
    },
    2: {
        "f4": "NaN",
        "f8": "NaN",
        "n": "NaN",
        "t": "",
        "ba": "\\x",
        "d": "infinity",
        "ti": "24:00:00",
        "ts": "infinity",
        "tstz": "-infinity",
        "iv": "-1 days +02:00:00",
        "arr": [],
        "arr2": [],
        "arrn": [],
        "moods": [],
        "r4": "empty",
        "rts": "(,)",
        "mr": "{}",
        "ip": "::1",
        "vb": "",
        "tsv": "",
        "hs": [],
        "lt": "",
    },
    3: {
        "b": False,
        "i2": 0,
        "i4": 0,
        "i8": -9007199254740993,
        "f4": "Infinity",
        "f8": "-Infinity",
        "n": "Infinity",
        "nn": "#0.0000",
        "m": "-$1.00",
        "c": "     ",
        "vc": " x ",
        "t": 'tab\tnl\ncr\r bs\\ q" uni \u2028 \U0001f600 ctrl\u0001\u007f',
        "ct": "ß",
        "nm": "n",
        "qc": "z",
        "ba": "\\x00ff",
        "d": "0044-03-15 BC",
        "ti": "00:00:00",
        "tz": "00:00:00-15:59",
        "ts": "0001-01-01T00:00:00 BC",
        "tstz": "294276-12-31T23:59:59.999999+00:00",
        "iv": "178000000 years",
        "u": "00000000-0000-0000-0000-000000000000",
        "j": [],
        "jb": 9007199254740993,
        "x": "<r/>",
        "arr": [7, 8, 9],
        "arr2": [[None]],
        "mood": "sad",
        "pos": 1,
        "em": "x@y",
        "comp": [["street", None], ["zip", None], ["geo", None]],
        "comps": [],
        "r4": "[-2147483648,2147483647)",
        "rn": "(,0)",
        "ip": "fe80::1/64",
        "cd": "::/0",
        "mac": "ff:ff:ff:ff:ff:ff",
        "bi": "0000",
        "vb": "1",
        "pt": "(Infinity,NaN)",
        "hs": [["k k", 'v"v']],
        "lt": "a.b_c",
        "o": "4294967295",
        "rc": "pg_class",
        "lsn": "0/0",
        "gen": 0,
        'Mixed Case "q" col': "",
        "select": "",
    },
    4: {
        "d": "10000-01-01",
        "ts": "10000-01-01T00:00:00",
        "tstz": "12345-06-07T08:09:10+00:00",
        "t": "year>9999",
    },
    5: {
        "d": "5874897-12-31",
        "ts": "4713-01-01T00:00:00 BC",
        "tstz": "0099-01-01T00:00:00+00:00",
        "t": "extremes",
    },
}


@pytest.fixture(scope="module")
def stored(sample_database: SampleDatabases) -> dict[str, str]:
    """The memories' contents by id."""
    choices = TableChoices(time_columns={"alltypes": "tstz"})
    with planned(
        sample_database("torture"), selection=Selection(("app.alltypes",)), choices=choices
    ) as found:
        (page,) = found.mapped()
    assert page.omitted_times == 3  # -infinity and two years beyond 9999
    assert [t is None for t in page.memories.created_at] == [False, True, True, True, False]
    assert page.memories.created_at[0] == 1_704_067_200_123_456
    return dict(zip(page.memories.ids, page.memories.contents, strict=True))


@pytest.mark.parametrize("row", ROWS)
def test_every_column_by_value(stored: dict[str, str], row: int) -> None:
    found = json.loads(
        stored[f"alltypes_{row}"],
        parse_float=lambda digits: f"#{Decimal(digits)}",
        object_pairs_hook=lambda pairs: [list(pair) for pair in pairs],
    )
    assert [name for name, _ in found] == COLUMNS
    for name, value in found:
        expected = row if name == "id" else ROWS[row].get(name)
        assert value == expected, name
        assert isinstance(value, bool) is isinstance(expected, bool), name


def test_json_stands_verbatim(stored: dict[str, str]) -> None:
    assert '"j":{"a": 1, "a": 2,  "big": 12345678901234567890.123},' in stored["alltypes_1"]
