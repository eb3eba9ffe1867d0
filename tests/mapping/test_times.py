"""Times from texts and numbers, and which property of a record tells its own."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.mapping.graph_times import plan_time, read_time
from transforms.mapping.times import OUT_OF_RANGE, TIME_NAMES, time_of_number, time_of_text

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def micros(*parts: int) -> int:
    return (datetime(*parts, tzinfo=timezone.utc) - EPOCH) // timedelta(microseconds=1)  # type: ignore[misc,arg-type]


offsets = st.timedeltas(timedelta(hours=-18), timedelta(hours=18)).map(
    lambda offset: timezone(timedelta(seconds=round(offset.total_seconds())))
)


@given(st.datetimes(timezones=offsets), st.sampled_from(["", "[Europe/Paris]"]), st.sampled_from("T "))
def test_zoned_times_are_exact_to_the_microsecond(moment: datetime, zone: str, between: str) -> None:
    expected = (moment - EPOCH) // timedelta(microseconds=1)
    if not micros(1, 1, 1) <= expected <= micros(9999, 12, 31, 23, 59, 59, 999_999):
        expected = OUT_OF_RANGE
    assert time_of_text(moment.isoformat(between) + zone) == expected


@given(st.datetimes())
def test_time_without_zone_is_utc(moment: datetime) -> None:
    assert time_of_text(moment.isoformat()) == (moment.replace(tzinfo=timezone.utc) - EPOCH) // timedelta(
        microseconds=1
    )


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-02-29", micros(2024, 2, 29)),
        ("2024-02-29T12:30", micros(2024, 2, 29, 12, 30)),
        ("2024-02-29T12:30Z[Etc/UTC]", micros(2024, 2, 29, 12, 30)),
        ("1996-07-04 00:00:00.000", micros(1996, 7, 4)),
        ("2024-10-27T02:30:00.123456789+01:00[Europe/Paris]", micros(2024, 10, 27, 1, 30, 0, 123_456)),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2024-01-01T00:00:00,5+0100", micros(2023, 12, 31, 23, 0, 0, 500_000)),
        ("2024-01-01T00:00:00-01", micros(2024, 1, 1, 1)),
        ("1890-01-01T00:09:21+00:09:21[Europe/Paris]", micros(1890, 1, 1)),
        ("1890-01-01T00:00-00:30", micros(1890, 1, 1, 0, 30)),
        ("0001-01-01T00:00Z", micros(1, 1, 1)),
        ("0001-01-01T00:00+00:01", OUT_OF_RANGE),
        ("9999-12-31T23:59:59.999999999Z", micros(9999, 12, 31, 23, 59, 59, 999_999)),
        ("9999-12-31T23:59:59-00:01", OUT_OF_RANGE),
        ("-4713-01-01T00:00Z", OUT_OF_RANGE),
        ("-0001-01-01", OUT_OF_RANGE),
        ("0000-06-01T00:00", OUT_OF_RANGE),
        ("+12345-01-01T00:00:00.5+01:00[Europe/Paris]", OUT_OF_RANGE),
        ("2023-02-29", None),
        ("2024-01-01T25:00", None),
        ("2024-01-01T00:00:60Z", None),
        ("2024-01-01T00:00+1", None),
        ("2024-01-01T00:00+:::", None),
        ("2024-01-01Z", None),
        ("12:00:00+02:00", None),
        ("P1Y2M", None),
        ("20240101", None),
        ("2024-01-01T00:00:00Z and on", None),
        ("٢٠٢٤-01-01", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_texts(text: str, time: int | None) -> None:
    assert time_of_text(text) == time


@pytest.mark.parametrize(
    ("number", "time"),
    [
        (1_700_000_000, micros(2023, 11, 14, 22, 13, 20)),
        (1_700_000_000.25, micros(2023, 11, 14, 22, 13, 20, 250_000)),
        (1_700_000_000_123, micros(2023, 11, 14, 22, 13, 20, 123_000)),
        (1_700_000_000_123_456, micros(2023, 11, 14, 22, 13, 20, 123_456)),
        (2**63 - 1, OUT_OF_RANGE),
        (1999, None),
        (0, None),
        (-1_700_000_000, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_numbers(number: float, time: int | None) -> None:
    assert time_of_number(number) == time


@pytest.mark.parametrize("value", [True, None, ["2024-01-01"], b"2024-01-01", {"t": "12:00"}])
def test_values_that_are_no_time(value: Any) -> None:
    assert read_time(value) is None


DAY = {n: {"t": f"2024-01-0{n}"} for n in range(1, 8)}


def found(record: dict[str, Any], names: tuple[str, ...] = ("A", "B"), **chosen: str) -> int | None:
    told = {name.replace("every", "*"): prop for name, prop in chosen.items()}
    return plan_time(names, list(record), told).time(list(record.values()))


@pytest.mark.parametrize(
    ("names", "chosen", "day"),
    [
        (("A", "B"), {}, 2),
        (("A", "B"), {"B": "born"}, 1),
        (("A", "B"), {"A": "seen", "B": "born"}, 3),
        (("B", "A"), {"A": "seen", "B": "born"}, 1),
        (("A",), {"every": "born"}, 1),
        (("A",), {"every": "born", "A": "seen"}, 3),
        (("A",), {"every": "born", "A": "missing"}, 1),
        (("A",), {"A": "missing"}, 2),
        ((), {"every": "seen"}, 3),
    ],
)
def test_which_property(names: tuple[str, ...], chosen: dict[str, str], day: int) -> None:
    record = {"born": DAY[1], "updatedAt": DAY[4], "createdAt": DAY[2], "seen": DAY[3]}
    assert found(record, names, **chosen) == micros(2024, 1, day)


@pytest.mark.parametrize("name", [*TIME_NAMES, "CreatedAt", "CREATED_AT", "dateCreated", "lastModified"])
def test_names_that_promise_a_time(name: str) -> None:
    assert found({"x": DAY[1], name: "2024-01-02"}) == micros(2024, 1, 2)


def test_next_promising_property_if_the_first_tells_none() -> None:
    assert found({"updated": 1_700_000_000, "created": "long ago"}) == 1_700_000_000_000_000
    assert found({"created": "long ago"}) is None
    assert found({"created": {"t": "-4713-01-01"}, "updated": DAY[1]}) == OUT_OF_RANGE


def test_chosen_property_that_tells_none_is_an_omission() -> None:
    assert found({"born": "long ago", "created": DAY[1]}, A="born") == OUT_OF_RANGE
