"""How a relation's rows are asked for: the SELECT that lets the server do the work.

The server renders each row as JSON text, the text to embed, its key, its time and its foreign
keys; the client parses nothing. Values stay as the server wrote them: exact numbers, all digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from psycopg import sql

from io_connectors.postgresql.catalogue import ForeignKey, Relation, Table, TableName

#: Characters of text that are sent for embedding; the content itself is never cut.
TEXT_LIMIT = 32_768

#: ``created_at`` of a row whose time no RFC 3339 text can say (infinity, BC, year > 9999).
UNREPRESENTABLE_TIME = -(2**63)

Sql = sql.Composable

#: The alias of the relation that is read. A whole row is written ``engram_row.*``: without the
#: star, a column of that name, of the table or of a joined parent, would be meant.
ROW = sql.Identifier("engram_row")
WHOLE_ROW = sql.SQL("{}.*").format(ROW)


@dataclass(frozen=True, slots=True)
class ReferenceRead:
    """A foreign key, and how the parent row's key is come by.

    Attributes:
        key: The foreign key.
        parent_key: The parent's identifying columns; empty for a parent known by its hash.
        joined: Whether the parent row must be looked up: the constraint refers to other columns
            than the key, or equal values may be written differently.
        parent_partitioned: Whether the parent's rows are in partitions.
    """

    key: ForeignKey
    parent_key: tuple[str, ...]
    joined: bool
    parent_partitioned: bool = False

    @classmethod
    def of(cls, key: ForeignKey, child: Table, parent: Table) -> ReferenceRead:
        """Decides whether the child's own columns spell the parent's key."""
        pairs = dict(zip(key.parent_columns, key.child_columns, strict=True))
        direct = set(pairs) == set(parent.key) and all(
            child.column(mine).equals_as_text(parent.column(theirs)) for theirs, mine in pairs.items()
        )
        partitioned = parent.relations != () and parent.relations[0].name != parent.name
        return cls(key, parent.key, not direct, partitioned)


@dataclass(frozen=True, slots=True)
class TableRead:
    """One relation, and what is read of each row.

    Attributes:
        table: The table that the rows belong to.
        relation: Where they are.
        text_columns: Columns whose words are embedded.
        time_column: The column that says when the row was made, or None.
        references: The foreign keys that hold for these rows.
    """

    table: Table
    relation: Relation
    text_columns: tuple[str, ...] = ()
    time_column: str | None = None
    references: tuple[ReferenceRead, ...] = ()
    layout: RowLayout = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", RowLayout.of(self))

    @property
    def by_place(self) -> bool:
        """Whether pages are ranges of places (ctid) rather than of keys."""
        return self.relation.heap


@dataclass(frozen=True, slots=True)
class RowLayout:
    """Where things stand in a fetched row.

    A row is: the key's columns (one hash for a keyless table), content, text, created_at in
    microseconds, then for each reference the child's columns and, if joined, the parent's key.
    """

    key: slice
    content: int
    text: int
    created_at: int
    references: tuple[tuple[slice, slice | None], ...]

    @classmethod
    def of(cls, read: TableRead) -> RowLayout:
        """The layout of the rows that ``select`` asks for."""
        width = len(read.table.key) or 1
        at = width + 3
        references = []
        for reference in read.references:
            mine = slice(at, at + len(reference.key.child_columns))
            theirs = slice(mine.stop, mine.stop + (len(reference.parent_key) or 1))
            references.append((mine, theirs if reference.joined else None))
            at = theirs.stop if reference.joined else mine.stop
        return cls(slice(0, width), width, width + 1, width + 2, tuple(references))


def select(read: TableRead, where: Sql, *, place: bool = False) -> sql.Composed:
    """The SELECT for the rows of a relation that fulfil a condition.

    Args:
        read: What to read.
        where: A condition over the row's alias.
        place: Whether to add the row's place (ctid, as text) as the last column.
    """
    columns: list[Sql] = [
        *key_texts(ROW, read.table.key),
        sql.SQL("row_to_json({})::text").format(WHOLE_ROW),
        _text(read.text_columns),
        _created_at(read.time_column),
    ]
    for number, reference in enumerate(read.references):
        columns += [
            sql.SQL("{}.{}::text").format(ROW, sql.Identifier(c)) for c in reference.key.child_columns
        ]
        if reference.joined:
            columns += key_texts(_parent(number), reference.parent_key)
    if place:
        columns.append(sql.SQL("{}.ctid::text").format(ROW))
    return sql.SQL("SELECT {} FROM {}{} WHERE {}").format(
        sql.SQL(", ").join(columns), source(read), _joins(read), where
    )


def select_names(read: TableRead, where: Sql) -> sql.Composed:
    """What names each row within its relation: its place, or its key's texts."""
    names = [sql.SQL("{}.ctid::text").format(ROW)] if read.by_place else key_texts(ROW, read.table.key)
    return sql.SQL("SELECT {} FROM {} WHERE {}").format(sql.SQL(", ").join(names), source(read), where)


def source(read: TableRead) -> sql.Composed:
    """The relation itself, without inheritance children, under its alias."""
    only = sql.SQL("ONLY " if read.relation.kind in "rm" else "")
    return sql.SQL("{}{} AS {}").format(only, _qualified(read.relation.name), ROW)


def key_texts(row: Sql, key: tuple[str, ...]) -> list[Sql]:
    """The key's columns as text, or the hash of the whole row for a keyless table."""
    if not key:
        return [row_hash(row)]
    return [sql.SQL("{}.{}::text").format(row, sql.Identifier(column)) for column in key]


def row_hash(row: Sql) -> Sql:
    """128 bits, hex, of SHA-256 over the row's text form.

    In the database's own encoding: converted to UTF-8, one row with bad bytes would keep the
    whole table from being counted.
    """
    return sql.SQL("left(encode(sha256(convert_to({}.*::text, getdatabaseencoding())), 'hex'), 32)").format(
        row
    )


def has_reference(reference: ReferenceRead) -> Sql:
    """Whether a row refers to a parent at all (MATCH SIMPLE: no column is NULL)."""
    tests = [sql.SQL("{}.{} IS NOT NULL").format(ROW, sql.Identifier(c)) for c in reference.key.child_columns]
    return sql.SQL(" AND ").join(tests)


def _text(columns: tuple[str, ...]) -> Sql:
    if not columns:
        return sql.SQL("NULL")
    parts = [
        sql.SQL("{} || nullif({}.{}::text, '')").format(sql.Literal(f"{c}: "), ROW, sql.Identifier(c))
        for c in columns
    ]
    joined = sql.SQL(", ").join(parts)
    return sql.SQL("left(array_to_string(ARRAY[{}], ' | '), {})").format(joined, sql.Literal(TEXT_LIMIT))


def _created_at(time_column: str | None) -> Sql:
    """Microseconds since 1970; a time without zone is taken as UTC, as the session is."""
    if time_column is None:
        return sql.SQL("NULL::bigint")
    column = sql.SQL("{}.{}").format(ROW, sql.Identifier(time_column))
    return sql.SQL(
        "CASE WHEN {c} >= '0001-01-01' AND {c} < '10000-01-01'"
        " THEN (extract(epoch FROM {c}) * 1000000)::bigint"
        " WHEN {c} IS NOT NULL THEN {none} END"
    ).format(c=column, none=sql.SQL(f"'{UNREPRESENTABLE_TIME}'::bigint"))


def _parent(number: int) -> sql.Identifier:
    return sql.Identifier(f"engram_parent_{number}")


def _joins(read: TableRead) -> Sql:
    joins = [_join(reference, number) for number, reference in enumerate(read.references)]
    return sql.SQL("").join(join for join in joins if join is not None)


def _join(reference: ReferenceRead, number: int) -> Sql | None:
    if not reference.joined:
        return None
    key, parent = reference.key, _parent(number)
    operators = key.operators or ("=",) * len(key.child_columns)
    tests = [
        sql.SQL("{}.{} {} {}.{}").format(
            parent, sql.Identifier(theirs), sql.SQL(operator), ROW, sql.Identifier(mine)
        )
        for theirs, operator, mine in zip(key.parent_columns, operators, key.child_columns, strict=True)
    ]
    return sql.SQL(" LEFT JOIN {}{} AS {} ON {}").format(
        sql.SQL("" if reference.parent_partitioned else "ONLY "),
        _qualified(key.parent),
        parent,
        sql.SQL(" AND ").join(tests),
    )


def _qualified(name: TableName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.name)
