"""What a PostgreSQL database holds: tables, keys, foreign keys, and how they hang together.

A *table* is what a user sees: an ordinary table, or a partitioned one with its leaves as
*relations*. Inheritance children are tables of their own, and are read with ``ONLY``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Types whose equality is equality of text, and which a foreign key may mix among themselves.
_TEXT_EQUAL = (
    frozenset({"int2", "int4", "int8"}),
    frozenset({"text", "varchar"}),
    frozenset({"bpchar"}),
    frozenset({"uuid"}),
    frozenset({"bool"}),
    frozenset({"date"}),
    frozenset({"oid"}),
    frozenset({"bytea"}),
)
_TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "citext"})
_TIME_TYPES = frozenset({"timestamptz", "timestamp", "date"})


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A schema-qualified name."""

    schema: str
    name: str

    def __str__(self) -> str:
        # Else table `c` of schema `a.b` and table `b.c` of schema `a` would go by one name.
        schema = f'"{self.schema}"' if "." in self.schema else self.schema
        return f"{schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: As in the catalogue, unquoted.
        type: The type as SQL writes it, with modifiers.
        base: The internal name of the type below all domains (``int4``, ``varchar``, …).
        kind: ``b`` base, ``e`` enum, ``c`` composite, ``r`` range, … of the base type.
        not_null: Whether NULL is excluded by declaration.
        exact: Whether equal values always have equal bytes (False for citext and
            nondeterministic collations).
        comment: The column's comment, or empty.
    """

    name: str
    type: str
    base: str
    kind: str
    not_null: bool
    exact: bool
    comment: str = ""

    @property
    def is_text(self) -> bool:
        """Whether people wrote words into it (VARCHAR, TEXT, CHAR, citext, domains of these)."""
        return self.base in _TEXT_TYPES

    @property
    def is_time(self) -> bool:
        """Whether it can say when a row was made."""
        return self.base in _TIME_TYPES

    def equals_as_text(self, other: Column) -> bool:
        """Whether comparing the text forms of the two columns is comparing their values."""
        same_family = any(self.base in family and other.base in family for family in _TEXT_EQUAL)
        return self.exact and other.exact and same_family


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A declared (or configured) reference from child rows to a parent row.

    Attributes:
        name: The constraint's name.
        child: The table, or the leaf partition, that declares it.
        child_columns: In the constraint's order.
        parent: The referenced table (for a leaf: its root).
        parent_columns: In the constraint's order.
        validated: False for NOT VALID constraints and configured references.
        operators: The constraint's own equality operators, parent = child, one a column; a
            plain ``=`` may mean another one where an extension lives outside the search path.
    """

    name: str
    child: TableName
    child_columns: tuple[str, ...]
    parent: TableName
    parent_columns: tuple[str, ...]
    validated: bool = True
    operators: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The group in which edges and orphans of this constraint are counted."""
        return f"{self.child}.{self.name}"


@dataclass(frozen=True, slots=True)
class Relation:
    """Something that holds rows itself: a table, a leaf partition, a view.

    Attributes:
        name: Its own name (of a leaf, not of the root).
        oid: Its object id.
        kind: pg_class.relkind: ``r`` table, ``m`` materialised view, ``v`` view, ``f`` foreign.
        heap: Whether its rows have a place (ctid) that TID range scans understand.
        size: Bytes of its main storage.
        toast: Bytes of its out-of-line storage.
        rows: The planner's estimate, or -1.
    """

    name: TableName
    oid: int
    kind: str
    heap: bool
    size: int
    toast: int
    rows: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table as users see it.

    Attributes:
        name: Schema and name.
        columns: In order.
        key: The columns that identify a row, or empty when nothing does.
        relations: Where its rows are: itself, or its leaf partitions.
        comment: The table's comment, or empty.
        denied: Itself or its partitions, where the role may not SELECT from them.
        filtered: Whether row-level security would hide rows from the role.
        declared: Whether the database vouches for the key; False where a user named it.
    """

    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    relations: tuple[Relation, ...]
    comment: str = ""
    denied: tuple[TableName, ...] = ()
    filtered: bool = False
    declared: bool = True

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: There is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def has(self, name: str) -> bool:
        """Whether it has a column of that name."""
        return any(column.name == name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tables that take part in a migration, parents first, and what connects them.

    Attributes:
        identity: What tells this database from every other one.
        version: The server's version number, e.g. 150018.
        tables: In topological order of the foreign keys.
        foreign_keys: Those whose child takes part.
        cycles: Groups of tables that refer to each other in a circle.
    """

    identity: str
    version: int
    tables: tuple[Table, ...]
    foreign_keys: tuple[ForeignKey, ...]
    cycles: tuple[tuple[TableName, ...], ...] = ()
    _by_name: Mapping[TableName, Table] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {table.name: table for table in self.tables})

    def table(self, name: TableName) -> Table:
        """The table of that name.

        Raises:
            KeyError: It takes no part.
        """
        return self._by_name[name]

    def find(self, text: str) -> Table | None:
        """The table meant by ``schema.name``, or by a bare ``name`` where only one has it."""
        exact = [table for table in self.tables if str(table.name) == text]
        bare = [table for table in self.tables if table.name.name == text]
        found = exact or bare
        return found[0] if len(found) == 1 else None

    def foreign_keys_of(self, table: Table, relation: Relation) -> tuple[ForeignKey, ...]:
        """The foreign keys that hold for the rows of a relation: its table's and its own."""
        owners = {table.name, relation.name}
        return tuple(key for key in self.foreign_keys if key.child in owners)


def ordered(
    tables: Iterable[Table], foreign_keys: Iterable[ForeignKey]
) -> tuple[tuple[Table, ...], tuple[tuple[TableName, ...], ...]]:
    """Tables with parents before children, and the circles among them (Tarjan's algorithm).

    Self references are no circle here. Within a circle, and among unrelated tables, the order
    is by name, so that it is the same in every run.
    """
    by_name = {table.name: table for table in sorted(tables, key=lambda table: table.name)}
    leaves = {relation.name: table.name for table in by_name.values() for relation in table.relations}
    parents: dict[TableName, set[TableName]] = {name: set() for name in by_name}
    for key in foreign_keys:
        child = leaves.get(key.child, key.child)
        if child in by_name and key.parent in by_name and child != key.parent:
            parents[child].add(key.parent)
    groups = _strongly_connected(parents)
    order = tuple(by_name[name] for group in groups for name in sorted(group))
    cycles = tuple(tuple(sorted(group)) for group in groups if len(group) > 1)
    return order, cycles


def _strongly_connected(graph: Mapping[TableName, set[TableName]]) -> list[list[TableName]]:
    """Strongly connected components, each after all that it points to; iterative Tarjan."""
    index: dict[TableName, int] = {}
    low: dict[TableName, int] = {}
    stack: list[TableName] = []
    on_stack: set[TableName] = set()
    groups: list[list[TableName]] = []

    def enter(node: TableName) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)

    for root in graph:
        if root in index:
            continue
        enter(root)
        work = [(root, iter(sorted(graph[root])))]
        while work:
            node, neighbours = work[-1]
            for neighbour in neighbours:
                if neighbour not in index:
                    enter(neighbour)
                    work.append((neighbour, iter(sorted(graph[neighbour]))))
                    break
                if neighbour in on_stack:
                    low[node] = min(low[node], index[neighbour])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    cut = stack.index(node)
                    groups.append(stack[cut:])
                    on_stack.difference_update(stack[cut:])
                    del stack[cut:]
    return groups
