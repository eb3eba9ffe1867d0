"""Under a later snapshot only the pages that changed get other names, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from io_connectors.postgresql.introspect import Selection
from io_connectors.postgresql.plan import Plan
from tests.postgresql.planning import contents, planned
from tests.servers.postgres import DebianPostgres
from transforms.mapping.tables import TableChoices

PAGE = 10

MAKE = """
DROP VIEW IF EXISTS seen; DROP TABLE IF EXISTS item;
CREATE TABLE item (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off);
INSERT INTO item SELECT g, 'v' || g FROM generate_series(1, 100) g;
CREATE VIEW seen AS SELECT * FROM item;
"""


@pytest.fixture(scope="module")
def dsn(debian_postgres: DebianPostgres) -> str:
    return debian_postgres.create_database("recheck")


@pytest.fixture
def items(dsn: str) -> str:
    execute(dsn, MAKE)
    return dsn


def execute(dsn: str, script: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in script.split(";"):
            if statement.strip():
                connection.execute(statement.encode())


def plan_of(dsn: str, relation: str, before: Plan | None = None) -> tuple[Plan, list[str]]:
    """The plan of a relation, and the contents that reading all its pages gives."""
    choices = TableChoices(keys={"seen": ("id",)} if relation == "seen" else {})
    selection = Selection((relation,))
    with planned(dsn, page_rows=PAGE, selection=selection, choices=choices, before=before) as found:
        mapped = found.mapped()
        assert [len(page) for page in mapped] == [page.rows for page in found.plan.pages.values()]
        return found.plan, sorted(contents(mapped))


def present(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return sorted(row[0] for row in connection.execute("SELECT row_to_json(i)::text FROM item i"))


def changed(before: Plan, after: Plan) -> set[int]:
    """Ordinals of the pages that are new or named otherwise."""
    return {page.ordinal for page_id, page in after.pages.items() if page_id not in before.pages}


@pytest.mark.parametrize("name", ["torture", "iso3166"])
def test_unchanged_database_has_the_same_pages(sample_database: Callable[[str], str], name: str) -> None:
    with planned(sample_database(name), page_rows=7) as first:
        before = first.plan
    with planned(sample_database(name), page_rows=7, before=before) as again:
        assert dict(again.plan.pages) == dict(before.pages)
    with planned(sample_database(name), page_rows=7) as anew:
        assert list(anew.plan.pages) == list(before.pages)


@pytest.mark.parametrize("relation", ["item", "seen"])
@pytest.mark.parametrize(
    ("change", "in_table", "in_view"),
    [
        ("UPDATE item SET v = 'new' WHERE id = 35", {3, 9, 10}, {3}),
        ("DELETE FROM item WHERE id BETWEEN 31 AND 40", {3}, {3}),
        ("DELETE FROM item WHERE id > 90", {9}, {9}),
        ("INSERT INTO item VALUES (101, 'more')", {9, 10}, {9, 10}),
        (
            "INSERT INTO item SELECT g, 'm' FROM generate_series(101, 135) g",
            {9, *range(10, 14)},
            set(range(9, 14)),
        ),
        (
            "DELETE FROM item WHERE id IN (11, 99); VACUUM item; INSERT INTO item VALUES (0, 'x')",
            {1, 9},
            {0, 1, 9},
        ),
    ],
)
def test_only_touched_pages_change(
    items: str, relation: str, change: str, in_table: set[int], in_view: set[int]
) -> None:
    before, _ = plan_of(items, relation)
    execute(items, change)
    after, found = plan_of(items, relation, before)
    assert found == present(items)
    touched = changed(before, after)
    assert touched <= (in_table if relation == "item" else in_view)
    assert touched
    again, found = plan_of(items, relation, after)
    assert found == present(items)
    assert list(again.pages) == list(after.pages)


CHANGES = st.lists(
    st.one_of(
        st.integers(0, 130).map("UPDATE item SET v = v || 'u' WHERE id = {}".format),
        st.integers(0, 130).map("DELETE FROM item WHERE id % 7 = {} % 7".format),
        st.integers(0, 130).map("INSERT INTO item VALUES ({}, 'i') ON CONFLICT DO NOTHING".format),
        st.just("DELETE FROM item WHERE id > 85"),
        st.just("DELETE FROM item"),
        st.just("INSERT INTO item SELECT g, 's' FROM generate_series(140, 190) g ON CONFLICT DO NOTHING"),
        st.just("VACUUM item"),
        st.just("VACUUM FULL item"),
    ),
    max_size=4,
)


@pytest.mark.parametrize("relation", ["item", "seen"])
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(CHANGES, min_size=1, max_size=3))
def test_nothing_is_lost_whatever_happens_in_between(
    items: str, relation: str, rounds: list[list[str]]
) -> None:
    execute(items, MAKE)
    plan, _ = plan_of(items, relation)
    for changes in rounds:
        for change in changes:
            execute(items, change)
        plan, found = plan_of(items, relation, plan)
        assert found == present(items)


def test_last_page_of_big_rows_is_cut_again(items: str) -> None:
    execute(items, "ALTER TABLE item ALTER v SET STORAGE EXTERNAL; DELETE FROM item WHERE id > 8")
    before, _ = plan_of(items, "item")
    execute(items, "INSERT INTO item SELECT g, repeat('x', 9000000) FROM generate_series(11, 15) g")
    after, _ = plan_of(items, "item", before)
    assert len(after.pages) > 2


def test_pages_that_a_rewrite_crowded_are_cut_anew(items: str) -> None:
    execute(items, "INSERT INTO item SELECT g, repeat('x', 700) FROM generate_series(101, 1100) g")
    execute(items, "DELETE FROM item WHERE id > 100 AND id % 10 > 0")
    before, _ = plan_of(items, "item")
    execute(items, "UPDATE item SET v = 'short'; VACUUM FULL item")
    after, found = plan_of(items, "item", before)
    assert found == present(items)
    assert max(page.rows for page in after.pages.values()) <= PAGE


def test_changed_parent_changes_the_children_that_look_it_up(sample_copy: Callable[[str], str]) -> None:
    dsn = sample_copy("torture")
    selection = Selection(("app.usr", "app.msg", "app.ord"))
    with planned(dsn, selection=selection) as first:
        before = first.plan
    execute(dsn, "UPDATE app.usr SET best_friend = NULL WHERE id = 3")
    with planned(dsn, selection=selection, before=before) as second:
        names = {page_id.partition("-")[0] for page_id in second.plan.pages.keys() - before.pages.keys()}
    # msg refers to usr's email and handle, which are not its key; ord refers to the key itself.
    assert names == {"app_usr", "app_msg"}
