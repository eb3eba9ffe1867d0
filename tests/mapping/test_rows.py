"""Text, times, JSON and edges of single rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engram_store.errors import ConfigurationError
from io_connectors.pages import EdgePage, MappedPage
from io_connectors.postgresql.introspect import Selection
from tests.postgresql.planning import Planned, planned
from tests.servers.postgres import DebianPostgres
from tests.servers.samples import SampleDatabases
from transforms.mapping.tables import TableChoices


@pytest.fixture(scope="module")
def database(debian_postgres: DebianPostgres) -> str:
    return debian_postgres.create_database("mapping_rows")


@contextmanager
def plan_of(dsn: str, script: str, **choices: object) -> Iterator[Planned]:
    """A plan of the one table ``x`` that a script makes."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(("DROP TABLE IF EXISTS x CASCADE;" + script).encode())
    with planned(dsn, selection=Selection(("x",)), choices=TableChoices(**choices)) as found:  # type: ignore[arg-type]
        yield found


def mapped(dsn: str, script: str, **choices: object) -> MappedPage:
    """The one page of the table ``x``."""
    with plan_of(dsn, script, **choices) as found:
        (page,) = found.mapped()
        return page


PEOPLE = """
CREATE TABLE x (id int PRIMARY KEY, name varchar(40), age int, bio text, code char(4), "we|ird: %" text);
INSERT INTO x VALUES (1, 'John', 5, 'likes | and :', 'ab', 'z'), (2, NULL, 5, '', '', NULL),
 (3, 'Ann', 6, NULL, NULL, 'q');
"""


@pytest.mark.parametrize(
    ("chosen", "texts"),
    [
        ({}, ["name: John | bio: likes | and : | code: ab | we|ird: %: z", "", "name: Ann | we|ird: %: q"]),
        ({"x": ("bio", "name")}, ["bio: likes | and : | name: John", "", "name: Ann"]),
        ({"public.x": ("age",)}, ["age: 5", "age: 5", "age: 6"]),
        ({"x": ()}, [None, None, None]),
    ],
)
def test_text(database: str, chosen: dict[str, tuple[str, ...]], texts: list[str | None]) -> None:
    assert mapped(database, PEOPLE, text_columns=chosen).memories.texts == texts


def test_text_of_very_many_columns(database: str) -> None:
    columns = ", ".join(f"c{n} text DEFAULT 'v{n}'" for n in range(300))
    script = f"CREATE TABLE x (id int PRIMARY KEY, {columns}); INSERT INTO x (id) VALUES (1)"
    assert mapped(database, script).memories.texts == [" | ".join(f"c{n}: v{n}" for n in range(300))]


def test_column_named_like_our_alias(database: str) -> None:
    script = (
        "CREATE TABLE x (engram_row int PRIMARY KEY, engram_place text, engram_page numeric UNIQUE,"
        " engram_parent_0 numeric REFERENCES x (engram_page)); INSERT INTO x VALUES (1, 'p', 2, 2.0)"
    )
    page = mapped(database, script)
    assert page.memories.contents == [
        '{"engram_row":1,"engram_place":"p","engram_page":2,"engram_parent_0":2.0}'
    ]
    assert page.edges.targets == ["x_1"]


def micros(year: int, month: int, day: int) -> int:
    since = datetime(year, month, day, tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return since.days * 86_400_000_000


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_created_at(database: str, kind: str) -> None:
    script = f"CREATE TABLE x (id int PRIMARY KEY, created_at {kind}); INSERT INTO x VALUES " + ", ".join(
        f"({number}, {value})"
        for number, value in enumerate(
            [
                "'2024-02-29'",
                "'0001-01-01'",
                "'9999-12-31'",
                "NULL",
                "'infinity'",
                "'-infinity'",
                "'0001-12-31 BC'",
                "'10000-01-01'",
                "'1969-12-31'",
            ]
        )
    )
    page = mapped(database, script)
    known = [micros(2024, 2, 29), micros(1, 1, 1), micros(9999, 12, 31)]
    assert page.memories.created_at == [*known, None, None, None, None, None, micros(1969, 12, 31)]
    assert page.omitted_times == 4
    assert '"infinity"' in page.memories.contents[4]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.datetimes(timezones=st.timezones()))
def test_created_at_is_exact_to_the_microsecond(database: str, moment: datetime) -> None:
    script = (
        "CREATE TABLE x (id int PRIMARY KEY, created_at timestamptz);"
        f"INSERT INTO x VALUES (1, '{moment.isoformat()}')"
    )
    try:
        moment = moment.astimezone(timezone.utc)
    except OverflowError:
        return
    (found,) = mapped(database, script).memories.created_at
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert found == (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


TIMES = """
CREATE TABLE x (id int PRIMARY KEY, joined date, "Updated_At" timestamptz, created text);
INSERT INTO x VALUES (1, '2024-01-01', '2024-01-02', '2024-01-03');
"""


@pytest.mark.parametrize(
    ("chosen", "day"),
    [({}, 2), ({"x": "joined"}, 1), ({"*": "joined"}, 1), ({"*": "Updated_At", "x": "joined"}, 1)],
)
def test_column_for_created_at(database: str, chosen: dict[str, str], day: int) -> None:
    assert mapped(database, TIMES, time_columns=chosen).memories.created_at == [micros(2024, 1, day)]


@pytest.mark.parametrize(
    ("choices", "named"),
    [
        ({"time_columns": {"x": "created"}}, "`public.x.created` cannot say when"),
        ({"time_columns": {"x": "joind"}}, "`public.x.joind`"),
        ({"time_columns": {"*": "joind"}}, "joind"),
        ({"time_columns": {"y": "joined"}}, "`y`"),
        ({"text_columns": {"x": ("nme",)}}, "`public.x.nme`"),
        ({"keys": {"x": ("idd",)}}, "`public.x.idd`"),
        ({"spaces": {"x": "No Space"}}, "`No Space`"),
        ({"memory_space": "No Space"}, "`No Space`"),
    ],
)
def test_choice_that_cannot_be_meant(database: str, choices: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        mapped(database, TIMES, **choices)
    assert named in refused.value.what
    assert refused.value.suggestion


JSONS = """
CREATE TABLE x (id int PRIMARY KEY, j json);
INSERT INTO x VALUES (1, '{"a": 1e400, "a": 1.10, "z": -0}'), (2, '"\\ud83d\\ude00"'), (3, '"\\ud83d"'),
 (4, '"\\u0000 \\\\ud83d"'), (5, '  [1 ,2]');
"""


def test_json_is_verbatim_and_half_pairs_are_dead_letters(database: str) -> None:
    page = mapped(database, JSONS)
    assert page.memories.ids == ["x_1", "x_2", "x_4", "x_5"]
    assert page.memories.contents[0] == '{"id":1,"j":{"a": 1e400, "a": 1.10, "z": -0}}'
    assert page.memories.contents[3] == '{"id":5,"j":  [1 ,2]}'
    (letter,) = page.dead_letters
    assert (letter.stage, letter.kind, letter.key) == ("map", "public.x", "x_3")
    assert "surrogate" in letter.reason
    assert letter.record == '{"id":3,"j":"\\ud83d"}'


def test_content_beyond_the_limit_is_a_dead_letter_with_its_edges(database: str) -> None:
    script = (
        "CREATE TABLE x (id int PRIMARY KEY, v text, x int REFERENCES x);"
        "INSERT INTO x VALUES (1, repeat('ä', 100), 2), (2, 'short', 1)"
    )
    page = mapped(database, script, content_limit=150)
    assert page.memories.ids == ["x_2"]
    assert page.edges.sources == ["x_2"]
    assert [letter.key for letter in page.dead_letters] == ["x_1"]
    assert "and the limit is 150" in page.dead_letters[0].reason


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text[]", ["{a_b,c}", "{a,b_c}"]),
        ("jsonb", ['{"a_b": 1}', '"_"']),
        ("regclass", ["pg_class", "pg_proc"]),
        ('"char"', ["_", "a"]),
    ],
)
def test_keys_of_types_that_may_hold_an_underscore(database: str, kind: str, values: list[str]) -> None:
    """Two such columns must not be joined by ``_``."""
    rows = ", ".join(f"('{a}', '{b}')" for a in values for b in values)
    with plan_of(
        database, f"CREATE TABLE x (a {kind}, b {kind}, PRIMARY KEY (a, b)); INSERT INTO x VALUES {rows}"
    ) as found:
        assert found.tables.mapping["public.x"].form.escaped


def edges(sample_database: SampleDatabases, *tables: str, **choices: object) -> EdgePage:
    """The edges of some tables of the torture sample, in one page."""
    with planned(
        sample_database("torture"),
        selection=Selection(tables),
        choices=TableChoices(**choices),  # type: ignore[arg-type]
    ) as found:
        joined = EdgePage()
        for page in found.mapped():
            joined.sources += page.edges.sources
            joined.targets += page.edges.targets
            joined.types += page.edges.types
            joined.properties += page.edges.properties
        return joined


def pairs(found: EdgePage, kind: str) -> list[tuple[str, str | None]]:
    rows = zip(found.types, found.sources, found.targets, strict=True)
    return [(source, target) for name, source, target in rows if name == kind]


def test_composite_and_self_references(sample_database: SampleDatabases) -> None:
    found = edges(sample_database, "app.city", "app.region")
    # With two free texts in its key, region needs the escaped form.
    assert pairs(found, "city_country_region_fkey") == [
        ("city_1", "app.region:US,CA"),
        ("city_2", "app.region:US,CA"),
        ("city_5", "app.region:DE,"),
        ("city_6", "app.region:DE,b%25/%3A|%2C"),
    ]
    assert pairs(found, "city_sister_fkey") == [
        ("city_2", "city_1"),
        ("city_3", "city_2"),
        ("city_4", "city_3"),
        ("city_5", "city_5"),
    ]
    assert '{"country":"DE","region":"b%/:|,"}' in found.properties


def test_circular_and_not_valid_references(sample_database: SampleDatabases) -> None:
    found = edges(sample_database, "app.dept", "app.emp", "app.ord", "app.usr")
    assert pairs(found, "dept_head_fkey") == [("dept_1", "emp_11"), ("dept_2", "emp_12")]
    assert pairs(found, "emp_dept_fkey") == [("emp_11", "dept_1"), ("emp_12", "dept_2"), ("emp_13", "dept_1")]
    assert pairs(found, "ord_cust_fk") == [("ord_1", "usr_1"), ("ord_2", "usr_99"), ("ord_4", "usr_98")]


def test_references_that_must_be_looked_up(sample_database: SampleDatabases) -> None:
    found = edges(sample_database, "app.msg", "app.usr", "app.ref_*", "app.pk_*")
    one, two = (f"msg_00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))
    assert pairs(found, "msg_from_email_fkey") == [(one, "usr_1"), (two, "usr_2")]
    assert pairs(found, "msg_h_o_fkey") == [(one, "usr_1"), (two, "usr_3")]
    assert pairs(found, "ref_citext_k_fkey") == [("ref_citext_1", "pk_citext_Abc")]
    assert pairs(found, "ref_char_k_fkey") == [("ref_char_1", "pk_char_ab")]
    assert pairs(found, "ref_char_kn_fkey") == [("ref_char_1", "pk_num_1.0")]


def test_parent_left_out_is_not_followed(sample_database: SampleDatabases) -> None:
    selection = Selection(exclude=("app.usr", "app.region"))
    with planned(sample_database("torture"), selection=selection) as found:
        assert {key.origin for key in found.tables.not_followed} == {
            *("app.city.city_country_region_fkey", "app.city_full.city_full_country_region_fkey"),
            *("app.ev.ev_usr_fkey", "app.ord.ord_cust_fk", 'Weird Schema.My "Tbl".x.My "Tbl".x_usr ID_fkey'),
            *(f"app.msg.msg_{name}_fkey" for name in ("from_email", "h_o", "owner", "reviewer")),
        }
        kinds = {kind for page in found.mapped() for kind in page.edges.types}
    assert "ord_cust_fk" not in kinds and "dept_head_fkey" in kinds


def test_no_edges_if_not_wanted(sample_database: SampleDatabases) -> None:
    assert not edges(sample_database, "app.dept", "app.emp", skip_edges=True).sources


def test_two_references_of_one_name_are_refused(sample_database: SampleDatabases) -> None:
    reference = {
        "name": "ord_cust_fk",
        "child": "ord",
        "columns": ["id"],
        "parent": "app.usr",
        "parent_columns": ["id"],
    }
    with pytest.raises(ConfigurationError, match="two references"):
        edges(sample_database, "app.ord", "app.usr", references=(reference,))
