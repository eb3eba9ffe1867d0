"""Pages cut a relation into disjoint parts of exactly so many rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from engram_store.errors import ConfigurationError
from io_connectors.postgresql.introspect import Selection
from io_connectors.postgresql.plan import PAGE_BYTES, PagePlan, from_document, to_document
from io_connectors.postgresql.splitter import place
from tests.postgresql.planning import Planned, contents, ids, planned
from tests.servers.postgres import DebianPostgres
from tests.servers.samples import SAMPLE_NAMES, SampleDatabases
from transforms.mapping.tables import TableChoices

EVERYWHERE = (0, 0)


def places(planned: Planned, number: int) -> list[tuple[int, int]]:
    """Where a relation's rows are, asked for without our code."""
    name = planned.plan.reads[number].relation.name
    query = sql.SQL("SELECT ctid::text FROM ONLY {}").format(sql.Identifier(name.schema, name.name))
    return sorted(place(row[0]) for row in planned.connection.execute(query))


def held(page: PagePlan, where: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places that are a page's by its bounds."""
    start = EVERYWHERE if page.ordinal == 0 else place(page.start[0])
    return [at for at in where if start <= at and (page.stop is None or at < place(page.stop[0]))]


@pytest.mark.parametrize("page_rows", [1, 7, 1000])
@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_pages_are_exact_and_disjoint(sample_database: SampleDatabases, name: str, page_rows: int) -> None:
    truth = sample_database.truth[name]
    with planned(sample_database(name), page_rows=page_rows) as found:
        pages = defaultdict(list)
        for page in found.plan.pages.values():
            pages[page.read].append(page)
        for number in range(len(found.plan.reads)):
            where = places(found, number)
            of_relation = pages[number]
            rows = [page.rows for page in of_relation]
            assert rows[:-1] == [page_rows] * (len(rows) - 1)
            assert sum(rows) == len(where)
            assert [page.stop for page in of_relation[:-1]] == [page.start for page in of_relation[1:]]
            assert all(page.stop is None for page in of_relation[-1:])
            if len(where) < 300:
                assert [len(held(page, where)) for page in of_relation] == rows
        assert found.plan.rows_by_table() == {
            table: known["rows_only"]
            for table, known in truth["tables"].items()
            if not known["is_partition"] and table in found.plan.rows_by_table()
        }
        assert found.plan.references_by_origin() == {
            f"{key['child']}.{key['name']}": key["child_nonnull_rows"] for key in truth["foreign_keys"]
        }


@pytest.mark.parametrize(("name", "page_rows"), [("torture", 1), ("torture", 7), ("iso3166", 7)])
def test_every_page_reads_what_was_counted(
    sample_database: SampleDatabases, name: str, page_rows: int
) -> None:
    with planned(sample_database(name), page_rows=page_rows) as found:
        pages = found.read()
        assert [page.page_id for page in pages] == list(found.plan.pages)
        assert [len(page) for page in pages] == [page.rows for page in found.plan.pages.values()]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_every_row_is_read_once(sample_database: SampleDatabases, name: str) -> None:
    with planned(sample_database(name)) as found:
        pages = found.mapped()
        all_ids = ids(pages)
        assert len(all_ids) == len(set(all_ids)) == found.plan.rows
        whole: Counter[str] = Counter()
        for table in found.tables.catalogue.tables:
            only = sql.SQL("" if len(table.relations) > 1 else "ONLY ")
            query = sql.SQL("SELECT row_to_json(engram.*)::text FROM {}{} AS engram").format(
                only, sql.Identifier(table.name.schema, table.name.name)
            )
            whole.update(row[0] for row in found.connection.execute(query))
        assert Counter(contents(pages)) == whole


def test_saved_plan_is_the_plan(sample_database: SampleDatabases) -> None:
    with planned(sample_database("torture"), page_rows=7) as found:
        plan = found.plan
        again = from_document(to_document(plan), plan.reads)
        assert [page for pages in again for page in pages] == list(plan.pages.values())


@pytest.mark.parametrize("relation", ["TABLE big", "VIEW big_view"])
def test_big_rows_are_cut_by_their_bytes(debian_postgres: DebianPostgres, relation: str) -> None:
    dsn = debian_postgres.create_database(
        "big_rows",
        "CREATE TABLE big (id int PRIMARY KEY, t text);"
        "ALTER TABLE big ALTER t SET STORAGE EXTERNAL;"
        "INSERT INTO big SELECT g, repeat('x', 1000000) FROM generate_series(1, 40) g;"
        "CREATE VIEW big_view AS SELECT * FROM big",
    )
    name = relation.split()[1]
    choices = TableChoices(keys={name: ("id",)} if "view" in name else {})
    with planned(dsn, selection=Selection((name,)), choices=choices) as found:
        rows = [page.rows for page in found.plan.pages.values()]
        assert sum(rows) == 40
        assert len(rows) > 2
        assert max(rows) * 1_000_000 <= PAGE_BYTES + 1_000_000
        assert [len(page) for page in found.read()] == rows
    debian_postgres.drop_database("big_rows")


def test_equal_rows_are_numbered_across_partitions_and_pages(debian_postgres: DebianPostgres) -> None:
    dsn = debian_postgres.create_database(
        "keyless",
        "CREATE TABLE log (day int, word text) PARTITION BY LIST (day);"
        "CREATE TABLE log_1 PARTITION OF log FOR VALUES IN (1);"
        "CREATE TABLE log_2 PARTITION OF log FOR VALUES IN (2, NULL);"
        "INSERT INTO log SELECT 1, 'same' FROM generate_series(1, 5);"
        "INSERT INTO log SELECT 2, 'same' FROM generate_series(1, 5);"
        "INSERT INTO log VALUES (NULL, NULL), (NULL, NULL), (1, 'other')",
    )
    with planned(dsn, page_rows=2) as found:
        by_hash: dict[str, list[str]] = defaultdict(list)
        for memory_id in ids(found.mapped()):
            table, value, *nth = memory_id.split("_")
            assert table == "log"
            by_hash[value].append("".join(nth))
    assert sorted(sorted(nth) for nth in by_hash.values()) == [
        [""],
        ["", "2"],
        ["", "2", "3", "4", "5"],
        ["", "2", "3", "4", "5"],
    ]
    debian_postgres.drop_database("keyless")


WEIRD = ["", " ", "'", '"', "\\", "%", ",", ":", "_", "a_b", "ä", "Z", "z", "{}", "NULL", "null", "\n", "😀"]


@pytest.mark.parametrize("page_rows", [1, 3, 1000])
@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW"])
def test_relation_read_by_a_chosen_key(debian_postgres: DebianPostgres, kind: str, page_rows: int) -> None:
    dsn = debian_postgres.create_database(
        "keyed",
        'CREATE TABLE base ("a key" text, b char(3) COLLATE "en-x-icu", n numeric, v int);'
        f'CREATE {kind} seen AS SELECT "a key", b, n, v FROM base WHERE v >= 0'
        + (" WITH NO DATA" if kind != "VIEW" else ""),
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        for number, word in enumerate(WEIRD):
            for other in ("b", "B", "%,"):
                connection.execute(
                    "INSERT INTO base VALUES (%s, %s, %s, %s)", (word, other, number / 3, number)
                )
        if kind != "VIEW":
            connection.execute("REFRESH MATERIALIZED VIEW seen")
    choices = TableChoices(keys={"seen": ("b", "a key", "n")})
    with planned(dsn, page_rows=page_rows, selection=Selection(("seen",)), choices=choices) as found:
        pages = found.mapped()
        assert len(ids(pages)) == len(set(ids(pages))) == 3 * len(WEIRD)
        assert all(len(page) == page_rows for page in pages[:-1])
    debian_postgres.drop_database("keyed")


@pytest.mark.parametrize(
    ("columns", "selection", "why"),
    [
        (("org",), ("app.v",), "2 of its rows have `1`"),
        (("org",), ("app.mv", "app.v"), "2 of its rows"),
        (("best_friend",), ("app.usr", "app.v"), "3 of its rows have `1`"),
        (("reviewer",), ("app.msg", "app.v"), "NULL"),
        ((), ("app.v",), "no place of their own"),
    ],
)
def test_key_that_identifies_no_rows_is_refused(
    sample_copy: Callable[[str], str], columns: tuple[str, ...], selection: tuple[str, ...], why: str
) -> None:
    dsn = sample_copy("torture")
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE app.usr SET best_friend = 1")
    named = selection[0] if columns in (("best_friend",), ("reviewer",)) else "app.v"
    choices = TableChoices(keys={named: columns} if columns else {})
    with (
        pytest.raises(ConfigurationError) as refused,
        planned(dsn, selection=Selection(selection), choices=choices),
    ):
        pass
    assert why in refused.value.why


def reference(parent_columns: tuple[str, ...], columns: tuple[str, ...] = ("user_id",)) -> TableChoices:
    named = {"name": "soft_ref", "child": "app.soft", "columns": columns}
    return TableChoices(references=({**named, "parent": "app.usr", "parent_columns": parent_columns},))


@pytest.mark.parametrize(
    ("choices", "why"),
    [(reference(("org",)), "2 of its rows have `1`"), (reference(("handle",)), "operator")],
)
def test_reference_that_finds_no_one_parent_is_refused(
    sample_database: SampleDatabases, choices: TableChoices, why: str
) -> None:
    with (
        pytest.raises(ConfigurationError, match=why),
        planned(sample_database("torture"), selection=Selection(("app.soft", "app.usr")), choices=choices),
    ):
        pass


def test_configured_reference_becomes_edges(sample_database: SampleDatabases) -> None:
    selection = Selection(("app.soft", "app.usr"))
    with planned(sample_database("torture"), selection=selection, choices=reference(("id",))) as found:
        edges = [
            (source, target)
            for page in found.mapped()
            for source, target, kind in zip(
                page.edges.sources, page.edges.targets, page.edges.types, strict=True
            )
            if kind == "soft_ref"
        ]
    assert edges == [("soft_1", "usr_1"), ("soft_2", "usr_3")]


def test_partitioned_parent_without_partitions(debian_postgres: DebianPostgres) -> None:
    dsn = debian_postgres.create_database(
        "leafless",
        "CREATE TABLE p (id int PRIMARY KEY, code numeric UNIQUE) ;"
        "CREATE TABLE bare (id numeric PRIMARY KEY) PARTITION BY LIST (id);"
        "CREATE TABLE c (id int PRIMARY KEY, b numeric REFERENCES bare)",
    )
    debian_postgres.psql("INSERT INTO c VALUES (1, NULL)", "leafless")
    with planned(dsn) as found:
        assert ids(found.mapped()) == ["c_1"]
    debian_postgres.drop_database("leafless")
