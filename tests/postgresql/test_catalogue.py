"""The catalogue says what the samples' own truth says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from engram_store.errors import ConfigurationError
from io_connectors.postgresql.catalogue import Catalogue, TableName
from io_connectors.postgresql.introspect import Selection, read_catalogue
from io_connectors.postgresql.session import PostgresAddress, connect
from tests.servers.postgres import DebianPostgres
from tests.servers.samples import SAMPLE_NAMES, SampleDatabases


def catalogue_of(dsn: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Catalogue:
    with closing(connect(PostgresAddress.parse(dsn), purpose="test")) as connection:
        return read_catalogue(connection, Selection(include, exclude))


def names(catalogue: Catalogue) -> set[str]:
    return {str(table.name) for table in catalogue.tables}


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_tables_columns_and_keys(sample_database: SampleDatabases, name: str) -> None:
    truth: dict[str, Any] = sample_database.truth[name]["tables"]
    catalogue = catalogue_of(sample_database(name))
    assert names(catalogue) == {table for table, known in truth.items() if not known["is_partition"]}
    for table in catalogue.tables:
        known = truth[str(table.name)]
        assert [(c.name, c.type, c.not_null) for c in table.columns] == [
            (c["name"], c["type"], c["notnull"]) for c in known["columns"]
        ]
        if known["pk"]:
            assert list(table.key) == known["pk"]
        assert not table.denied and table.declared
    leaves = {str(r.name) for t in catalogue.tables if len(t.relations) > 1 for r in t.relations}
    assert leaves == {
        table for table, known in truth.items() if known["is_partition"] and known["kind"] == "r"
    }


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_foreign_keys_and_cycles(sample_database: SampleDatabases, name: str) -> None:
    truth = sample_database.truth[name]
    catalogue = catalogue_of(sample_database(name))
    known = {
        (f["child"], f["name"]): (f["child_cols"], f["parent"], f["parent_cols"], f["validated"])
        for f in truth["foreign_keys"]
    }
    found = {
        (str(k.child), k.name): (list(k.child_columns), str(k.parent), list(k.parent_columns), k.validated)
        for k in catalogue.foreign_keys
    }
    assert found == known
    assert [[str(table) for table in cycle] for cycle in catalogue.cycles] == truth["summary"]["cycles"]


def test_key_without_primary_key(sample_database: SampleDatabases) -> None:
    catalogue = catalogue_of(sample_database("torture"))
    assert catalogue.table(TableName("app", "nopk_uniq")).key == ("code",)
    assert catalogue.table(TableName("app", "nopk_uniqnull")).key == ()
    assert catalogue.table(TableName("app", "nopk_dup")).key == ()


def test_two_databases_of_a_server_are_told_apart(sample_database: SampleDatabases) -> None:
    one, other = (catalogue_of(sample_database(name)).identity for name in ("iso3166", "chinook"))
    assert one != other
    assert one.partition("/")[0] == other.partition("/")[0]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (("app.ev*",), (), {"app.ev", "app.ev_note"}),
        (("ev",), (), {"app.ev"}),
        (("usr",), (), {"Weird Schema.usr", "app.usr", "public.usr"}),
        (("Weird Schema.*",), (), {"Weird Schema.usr", 'Weird Schema.My "Tbl".x'}),
        (("*.usr",), ("app.*",), {"Weird Schema.usr", "public.usr"}),
        (("app.v",), (), {"app.v"}),
        (("mv",), (), {"app.mv"}),
    ],
)
def test_selection(
    sample_database: SampleDatabases, include: tuple[str, ...], exclude: tuple[str, ...], expected: set[str]
) -> None:
    assert names(catalogue_of(sample_database("torture"), include, exclude)) == expected


@pytest.mark.parametrize(
    ("include", "exclude", "named"),
    [
        (("app.usrs",), (), "--include app.usrs"),
        (("USR",), (), "--include USR"),
        (("pg_class",), (), "--include pg_class"),
        (("app.m?",), (), "--include app.m?"),
        (("app.ev_2023",), (), "--include app.ev_2023"),
        ((), ("app.secrets",), "--exclude app.secrets"),
        ((), ("*",), "no table is selected"),
    ],
)
def test_selection_that_cannot_be_meant(
    sample_database: SampleDatabases, include: tuple[str, ...], exclude: tuple[str, ...], named: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        catalogue_of(sample_database("torture"), include, exclude)
    assert named in refused.value.what
    assert refused.value.suggestion


def test_extensions_tables_and_other_sessions_are_left_out(debian_postgres: DebianPostgres) -> None:
    dsn = debian_postgres.create_database(
        "extended", "CREATE TABLE mine (id int PRIMARY KEY); CREATE TABLE owned (id int)"
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION hstore; ALTER EXTENSION hstore ADD TABLE owned")
        connection.execute("CREATE TEMPORARY TABLE passing (id int)")
        assert names(catalogue_of(dsn)) == {"public.mine"}
    debian_postgres.drop_database("extended")


def test_one_name_is_one_table(debian_postgres: DebianPostgres) -> None:
    dsn = debian_postgres.create_database(
        "dotted",
        'CREATE SCHEMA "a.b"; CREATE SCHEMA a; CREATE TABLE "a.b".c (id int); CREATE TABLE a."b.c" (id int)',
    )
    assert len(names(catalogue_of(dsn))) == 2
    debian_postgres.drop_database("dotted")


def test_comments_and_bases_below_domains(sample_copy: Callable[[str], str]) -> None:
    dsn = sample_copy("torture")
    with psycopg.connect(dsn) as connection:
        connection.execute("COMMENT ON TABLE app.usr IS 'people'; COMMENT ON COLUMN app.usr.handle IS 'nick'")
    usr = catalogue_of(dsn).table(TableName("app", "usr"))
    assert usr.comment == "people"
    assert usr.column("handle").comment == "nick"
    email = usr.column("email")
    assert (email.type, email.base, email.exact, email.is_text) == ("app.email", "citext", False, True)
