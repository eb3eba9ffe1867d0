"""Look-ups of single rows: by key, along the foreign keys, and the first of a table.

Rows come as JSON: the driver has no form for some values, such as times beyond Python's years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import psycopg
from psycopg import sql

from io_connectors.lookups import MOST_RELATED
from io_connectors.postgresql.catalogue import Catalogue, ForeignKey, Table, TableName
from io_connectors.postgresql.session import Connection, translate

_RELATED = sql.SQL("SELECT to_json(other.*) FROM {one} AS one JOIN {other} AS other ON {join} WHERE {key}")


@dataclass(frozen=True, slots=True)
class PostgresLookups:
    """Look-ups in a database; see ``SourceLookups``.

    Args:
        connection: Open.
        catalogue: Its tables and foreign keys.
    """

    connection: Connection
    catalogue: Catalogue

    def by_key(self, kind: str, key: str) -> int | None:
        """Reads a row; None in a table without a key."""
        table = self.catalogue.find(kind)
        if table is None or not table.key:
            return None
        query = sql.SQL("SELECT to_json(one.*) FROM {} AS one WHERE {}").format(
            _name(table.name), _has_key(table)
        )
        return self._rows(query, _values(table, key))

    def related(self, kind: str, key: str) -> int | None:
        """Reads the rows at the other ends of a row's foreign keys, all in one query."""
        table = self.catalogue.find(kind)
        if table is None or not table.key:
            return None
        names = {table.name, *(relation.name for relation in table.relations)}
        parts = [_parents(table, one) for one in self.catalogue.foreign_keys if one.child in names]
        parts += [_children(table, one) for one in self.catalogue.foreign_keys if one.parent == table.name]
        if not parts:
            return None
        query = sql.SQL("{} LIMIT {}").format(sql.SQL(" UNION ALL ").join(parts), MOST_RELATED)
        return self._rows(query, _values(table, key) * len(parts))

    def first(self, kind: str, limit: int) -> int | None:
        """Reads the first rows of a table."""
        table = self.catalogue.find(kind)
        if table is None:
            return None
        return self._rows(
            sql.SQL("SELECT to_json(one.*) FROM {} AS one LIMIT %s").format(_name(table.name)), [limit]
        )

    def _rows(self, query: sql.Composed, values: Sequence[object]) -> int:
        try:
            return len(self.connection.execute(query, values).fetchall())
        except psycopg.Error as error:
            raise translate(error, "looking up single rows") from error


def _values(table: Table, key: str) -> list[str]:
    """A memory's key as its column's values: one text, or several as a JSON list."""
    return [key] if len(table.key) == 1 else list(orjson.loads(key))


def _has_key(table: Table) -> sql.Composed:
    tests = [sql.SQL("one.{} = %s").format(sql.Identifier(column)) for column in table.key]
    return sql.SQL(" AND ").join(tests)


def _parents(table: Table, key: ForeignKey) -> sql.Composed:
    return _related(table, key.child, key.parent, key.child_columns, key.parent_columns)


def _children(table: Table, key: ForeignKey) -> sql.Composed:
    return _related(table, key.parent, key.child, key.parent_columns, key.child_columns)


def _related(
    table: Table, one: TableName, other: TableName, mine: Sequence[str], theirs: Sequence[str]
) -> sql.Composed:
    join = sql.SQL(" AND ").join(
        sql.SQL("one.{} = other.{}").format(sql.Identifier(a), sql.Identifier(b))
        for a, b in zip(mine, theirs, strict=True)
    )
    return _RELATED.format(one=_name(one), other=_name(other), join=join, key=_has_key(table))


def _name(name: TableName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.name)
