"""What a user chose and the database does not vouch for: checked before anything is read by it."""

from __future__ import annotations

import psycopg
from psycopg import sql

from engram_store.errors import ConfigurationError
from io_connectors.postgresql.catalogue import TableName
from io_connectors.postgresql.reads import ReferenceRead, TableRead, select
from io_connectors.postgresql.session import Connection


def check_choices(connection: Connection, read: TableRead) -> None:
    """Checks a relation's chosen key, and the references that no constraint declares.

    Raises:
        ConfigurationError: A key does not identify rows, or a reference does not find one parent.
        psycopg.Error: The database cannot tell.
    """
    if not read.table.declared:
        whole = read.relation.kind not in "rm" or read.relation.name != read.table.name
        _check_unique(connection, read.table.name, read.table.key, whole=whole, nulls=False)
    for reference in read.references:
        if reference.joined and not reference.key.operators:
            _check_comparable(connection, read, reference)
            key = reference.key
            _check_unique(
                connection, key.parent, key.parent_columns, whole=reference.parent_partitioned, nulls=True
            )


def _check_unique(
    connection: Connection, table: TableName, columns: tuple[str, ...], *, whole: bool, nulls: bool
) -> None:
    """Refuses columns that several rows share, or (unless ``nulls``) that a row lacks."""
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    lacking = sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(sql.Identifier(c)) for c in columns)
    query = sql.SQL(
        "SELECT {texts}, count(*) FROM {only}{table} {where} GROUP BY {listed}"
        " HAVING count(*) > 1 OR bool_or({lacking}) LIMIT 1"
    ).format(
        texts=sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns),
        only=sql.SQL("" if whole else "ONLY "),
        table=sql.Identifier(table.schema, table.name),
        where=sql.SQL("WHERE NOT ({})").format(lacking) if nulls else sql.SQL(""),
        listed=listed,
        lacking=lacking,
    )
    found = connection.execute(query).fetchone()
    if found is not None:
        *values, rows = found
        shown = ", ".join("NULL" if value is None else f"`{value}`" for value in values)
        raise ConfigurationError(
            f"`{', '.join(columns)}` does not identify a row of `{table}`",
            why=f"{rows:,} of its rows have {shown}" if None not in values else f"a row has {shown}",
            suggestion="name columns in the `keys` and `references` settings whose values are all there"
            " and together unique",
        )


def _check_comparable(connection: Connection, read: TableRead, reference: ReferenceRead) -> None:
    try:
        connection.execute(select(read, sql.SQL("false")))
    except psycopg.errors.UndefinedFunction as error:
        key = reference.key
        raise ConfigurationError(
            f"the reference `{key.name}` from `{key.child}` to `{key.parent}` cannot be followed",
            why=str(error).splitlines()[0],
            suggestion="let it name columns of types that compare",
        ) from error
