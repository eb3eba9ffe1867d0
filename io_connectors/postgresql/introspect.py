"""Reading the catalogue out of ``pg_catalog``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import psycopg

from engram_store.errors import ConfigurationError
from io_connectors.postgresql.catalogue import (
    Catalogue,
    Column,
    ForeignKey,
    Relation,
    Table,
    TableName,
    ordered,
)
from io_connectors.postgresql.session import Connection, translate
from io_connectors.postgresql.snapshot import locked

_RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relispartition,
       coalesce(am.amname = 'heap', false),
       c.reltuples::bigint,
       coalesce(obj_description(c.oid, 'pg_class'), ''),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       CASE WHEN c.relrowsecurity THEN row_security_active(c.oid) ELSE false END,
       CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE 0 END
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am am ON am.oid = c.relam
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""

# Apart from the rest, and of the chosen only: it waits for a table that is locked.
_SIZES = """
SELECT c.oid, pg_relation_size(c.oid),
       CASE WHEN c.reltoastrelid <> 0 THEN pg_relation_size(c.reltoastrelid) ELSE 0 END
FROM pg_class c WHERE c.relkind IN ('r', 'm') AND c.oid = ANY(%s)
"""

_LOCKED = """
SELECT n.nspname, c.relname
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND c.oid = ANY(%s)
"""

_COLUMNS = """
WITH RECURSIVE bases AS (
  SELECT oid AS type, oid AS base, typbasetype AS below FROM pg_type
  UNION ALL
  SELECT b.type, t.oid, t.typbasetype FROM bases b JOIN pg_type t ON t.oid = b.below WHERE b.below <> 0
)
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), t.typname, t.typtype::text,
       a.attnotnull, t.typname <> 'citext' AND coalesce(co.collisdeterministic, true),
       coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_attribute a
JOIN bases b ON b.type = a.atttypid AND b.below = 0
JOIN pg_type t ON t.oid = b.base
LEFT JOIN pg_collation co ON co.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY(%s)
ORDER BY a.attrelid, a.attnum
"""

# A key identifies every row at every moment: the primary key, else the narrowest unique index
# that is immediate, covers all rows, has no expressions and no NULLs.
_KEYS = """
SELECT DISTINCT ON (i.indrelid) i.indrelid,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
WHERE i.indrelid = ANY(%s) AND i.indisunique AND i.indisvalid
  AND (i.indisprimary OR (i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (
       SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
       WHERE k.place <= i.indnkeyatts AND NOT a.attnotnull)))
ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, x.relname
"""

# conparentid = 0 leaves out the copies that PostgreSQL keeps on partitions of either side.
_FOREIGN_KEYS = """
SELECT c.conname, c.conrelid, c.confrelid, c.convalidated,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.place),
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.place),
       ARRAY(SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
             FROM unnest(c.conpfeqop) WITH ORDINALITY k(operator, place)
             JOIN pg_operator o ON o.oid = k.operator JOIN pg_namespace n ON n.oid = o.oprnamespace
             ORDER BY k.place)
FROM pg_constraint c
WHERE c.contype = 'f' AND c.conparentid = 0
ORDER BY c.conrelid, c.conname
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tables take part, by shell patterns over ``schema.table`` or a bare table name.

    Attributes:
        include: At least one must match; empty means every table.
        exclude: None may match.

    Views take part only when ``include`` names them without wildcards.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, name: TableName, *, view: bool) -> bool:
        """Whether the table or view takes part."""
        texts = (str(name), name.name)
        if any(fnmatchcase(text, pattern) for pattern in self.exclude for text in texts):
            return False
        if view:
            return any(text in self.include for text in texts)
        return not self.include or any(
            fnmatchcase(text, pattern) for pattern in self.include for text in texts
        )


def read_catalogue(
    connection: Connection, selection: Selection = Selection(), lock_seconds: float = 10
) -> Catalogue:
    """Reads every schema but the system's.

    Args:
        connection: An open connection.
        selection: Which tables take part.
        lock_seconds: How long to wait for a table that another session has locked.

    Raises:
        ConfigurationError: Nothing is selected, or a pattern matches nothing.
        PreflightError: A table is locked by another session.
    """
    try:
        rows = connection.execute(_RELATIONS).fetchall()
        chosen = _choose(rows, selection)
        oids = [row[0] for row, _ in chosen.values()]
        columns = _columns(connection, oids)
        keys: dict[int, list[str]] = dict(connection.execute(_KEYS, (oids,)).fetchall())
        declared = connection.execute(_FOREIGN_KEYS).fetchall()
        sizes = _sizes(
            connection, [leaf[0] for _, leaves in chosen.values() for leaf in leaves], lock_seconds
        )
        identity = _identity(connection)
    except psycopg.Error as error:
        raise translate(error, "reading the database's catalogue") from error
    tables = [
        _table(row, leaves, columns[row[0]], keys.get(row[0], []), sizes) for row, leaves in chosen.values()
    ]
    foreign_keys = _foreign_keys(declared, chosen, rows)
    order, cycles = ordered(tables, foreign_keys)
    return Catalogue(identity, connection.info.server_version, order, tuple(foreign_keys), cycles)


_Row = tuple[Any, ...]
_Chosen = dict[int, tuple[_Row, list[_Row]]]
_Sizes = dict[int, tuple[int, int]]


def _choose(rows: Sequence[_Row], selection: Selection) -> _Chosen:
    """The selected tables by oid, each with the relations that hold its rows."""
    leaves: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        if row[4] and row[3] != "p":
            leaves[row[10]].append(row)
    chosen: _Chosen = {}
    for row in rows:
        if row[4] or not selection.takes(TableName(row[1], row[2]), view=row[3] in "vm"):
            continue
        chosen[row[0]] = (row, leaves[row[0]] if row[3] == "p" else [row])
    _check_patterns([row for row in rows if not row[4]], selection)
    if not chosen:
        raise ConfigurationError(
            "no table is selected",
            why=f"the database has {len(rows)} tables and views, and the patterns leave none of them",
            suggestion="check `--include` and `--exclude`, and that the source is the right database",
        )
    return chosen


def _check_patterns(rows: Sequence[_Row], selection: Selection) -> None:
    """A misspelt pattern would leave tables out, or let secret ones in, without a word."""
    names = [(TableName(row[1], row[2]), row[3] in "vm") for row in rows]
    for pattern in selection.include:
        if not any(Selection((pattern,)).takes(name, view=view) for name, view in names):
            raise _no_match(f"--include {pattern}")
    for pattern in selection.exclude:
        if not any(Selection((pattern,)).takes(name, view=False) for name, _ in names):
            raise _no_match(f"--exclude {pattern}")


def _no_match(flag: str) -> ConfigurationError:
    return ConfigurationError(
        f"`{flag}` matches no table",
        why="names are case-sensitive, partitions go by their table's name, views must be named in full,"
        " and system schemas and extensions' own tables are left out",
        suggestion="look at the plan for the names there are",
        example="python -m pipelines.postgresql --source … --dry-run",
    )


def _columns(connection: Connection, oids: list[int]) -> dict[int, tuple[Column, ...]]:
    found: dict[int, list[Column]] = defaultdict(list)
    for oid, *fields in connection.execute(_COLUMNS, (oids,)).fetchall():
        found[oid].append(Column(*fields))
    return defaultdict(tuple, {oid: tuple(columns) for oid, columns in found.items()})


def _sizes(connection: Connection, oids: list[int], lock_seconds: float) -> _Sizes:
    """Main and out-of-line bytes of relations that have storage of their own."""
    try:
        connection.execute(f"SET lock_timeout = {round(lock_seconds * 1000)}")
        return {oid: (main, toast) for oid, main, toast in connection.execute(_SIZES, (oids,))}
    except psycopg.errors.LockNotAvailable as error:
        holders = connection.execute(_LOCKED, (oids,)).fetchall()
        names = [TableName(schema, name) for schema, name in holders]
        raise locked(names, lock_seconds) from error
    finally:
        connection.execute("SET lock_timeout = 0")


def _table(
    row: _Row, leaves: list[_Row], columns: tuple[Column, ...], key: list[str], sizes: _Sizes
) -> Table:
    relations = tuple(
        Relation(TableName(leaf[1], leaf[2]), leaf[0], leaf[3], leaf[5], *sizes.get(leaf[0], (0, 0)), leaf[6])
        for leaf in leaves
    )
    # Partitions are read by their own names, so their rights and policies count too.
    denied = [TableName(each[1], each[2]) for each in (row, *leaves) if not each[8]]
    filtered = row[9] or any(leaf[9] for leaf in leaves)
    return Table(
        TableName(row[1], row[2]),
        columns,
        tuple(key),
        relations,
        row[7],
        tuple(dict.fromkeys(denied)),
        filtered,
    )


def _foreign_keys(declared: Sequence[_Row], chosen: _Chosen, rows: Sequence[_Row]) -> list[ForeignKey]:
    """Those of the chosen tables and their leaves; a referenced leaf is named by its root."""
    named = {row[0]: TableName(row[1], row[2]) for row in rows}
    roots = {row[0]: row[10] or row[0] for row in rows}
    reading = chosen.keys() | {leaf[0] for _, leaves in chosen.values() for leaf in leaves}
    return [
        ForeignKey(
            name,
            named[child],
            tuple(child_columns),
            named[roots[parent]],
            tuple(parent_columns),
            validated,
            tuple(operators),
        )
        for name, child, parent, validated, child_columns, parent_columns, operators in declared
        if child in reading and parent in named
    ]


def _identity(connection: Connection) -> str:
    """System identifier and database where the role may know them, else what it can see."""
    row = connection.execute(
        "SELECT current_database(), has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
    ).fetchone()
    assert row is not None
    database, allowed = row
    if not allowed:
        return f"{connection.info.host}:{connection.info.port}/{database}"
    system = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    assert system is not None
    return f"{system[0]}/{database}"
