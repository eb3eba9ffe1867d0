"""From the catalogue and the user's choices to what is read and how it is mapped."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engram_store.errors import ConfigurationError
from engram_store.model import CONFIDENCE
from io_connectors.postgresql.catalogue import Catalogue, ForeignKey, Table, TableName, ordered
from io_connectors.postgresql.reads import ReferenceRead, TableRead
from transforms.mapping.ids import IdForm, KeyedTable, choose_forms
from transforms.mapping.postgresql import PostgresMapping, ReferenceMapping, TableMapping
from transforms.mapping.spaces import check_space, spaces_for
from transforms.mapping.times import TIME_NAMES

#: Types whose text never holds a ``_``.
_PLAIN = frozenset(
    (
        *("int2", "int4", "int8", "oid", "numeric", "float4", "float8", "money", "bool", "uuid"),
        *("date", "time", "timetz", "timestamp", "timestamptz", "interval", "bytea", "bit", "varbit"),
        *("inet", "cidr", "macaddr", "macaddr8", "pg_lsn"),
    )
)


@dataclass(frozen=True, slots=True)
class TableChoices:
    """What the user said about mapping tables; names are ``schema.table`` or bare where unique.

    Attributes:
        memory_space: One space for every table, or None for a space a table.
        spaces: Table → space.
        text_columns: Table → columns whose words are embedded.
        time_columns: Table → column for ``created_at``; the key ``*`` stands for every table.
        keys: Table → columns that identify a row, where the database does not say.
        references: Foreign keys that the database does not declare: ``name``, ``child``,
            ``columns``, ``parent``, ``parent_columns``.
        skip_edges: Whether foreign keys are left out.
        confidence: 0 to 1.
        activation: 0 to 1.
        decay_rate: Per hour.
        edge_weight: 0 to 1.
        content_limit: Bytes of content beyond which a row is refused.
    """

    memory_space: str | None = None
    spaces: Mapping[str, str] = field(default_factory=dict)
    text_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_columns: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    references: tuple[Mapping[str, Any], ...] = ()
    skip_edges: bool = False
    confidence: float = CONFIDENCE["HIGH"]
    activation: float = 0.5
    decay_rate: float = 0.01
    edge_weight: float = 0.8
    content_limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What is read, how it is mapped, and what is left out.

    Attributes:
        catalogue: The catalogue, with the user's keys.
        reads: One a relation, parents first.
        mapping: Relation → how its rows become memories.
        not_followed: Foreign keys whose parent takes no part.
    """

    catalogue: Catalogue
    reads: tuple[TableRead, ...]
    mapping: PostgresMapping
    not_followed: tuple[ForeignKey, ...]

    def digests(self) -> dict[str, str]:
        """For each relation, a digest of all that decides what its rows become."""
        return {str(read.relation.name): _digest(read, self.mapping) for read in self.reads}


def _digest(read: TableRead, mapping: PostgresMapping) -> str:
    columns = [(column.name, column.type) for column in read.table.columns]
    chosen = (read.table.key, read.text_columns, read.time_column, read.references)
    # A row that was refused for its size may be let in by a later attempt.
    form = replace(mapping[str(read.relation.name)], content_limit=0)
    made_of = repr((columns, chosen, form))
    return hashlib.blake2b(made_of.encode(), digest_size=8).hexdigest()


def plan_tables(catalogue: Catalogue, choices: TableChoices) -> TablePlan:
    """Decides for each table: space, id form, text, time, edges.

    Raises:
        ConfigurationError: A choice names a table or column that is not there, or spaces clash.
    """
    catalogue = _with_references(_with_keys(catalogue, choices), choices)
    forms = _forms(catalogue)
    spaces = _spaces(catalogue, choices)
    text = {find_table(catalogue, name).name: columns for name, columns in choices.text_columns.items()}
    _check_everywhere(catalogue, choices.time_columns.get("*"))
    times = {find_table(catalogue, n).name: c for n, c in choices.time_columns.items() if n != "*"}
    reads, mapping = [], {}
    for table in catalogue.tables:
        text_columns = _text_columns(table, text.get(table.name))
        time_column = _time_column(table, times.get(table.name), choices.time_columns.get("*"))
        for relation in table.relations:
            keys = () if choices.skip_edges else catalogue.foreign_keys_of(table, relation)
            references = tuple(
                ReferenceRead.of(key, table, catalogue.table(key.parent))
                for key in keys
                if key.parent in forms
            )
            read = TableRead(table, relation, text_columns, time_column, references)
            reads.append(read)
            mapping[str(relation.name)] = _table_mapping(read, forms, spaces, choices)
    not_followed = tuple(key for key in catalogue.foreign_keys if key.parent not in forms)
    return TablePlan(catalogue, tuple(reads), mapping, not_followed)


def find_table(catalogue: Catalogue, text: str) -> Table:
    """The table that a setting names.

    Raises:
        ConfigurationError: None, or several, go by that name.
    """
    table = catalogue.find(text)
    if table is not None:
        return table
    names = [str(table.name) for table in catalogue.tables]
    same = [name for name in names if name.endswith(f".{text}")]
    near = same or difflib.get_close_matches(text, [*names, *(n.split(".", 1)[1] for n in names)], n=3)
    raise ConfigurationError(
        f"the settings name a table `{text}`",
        why="several schemas have one" if same else "no such table takes part",
        suggestion=f"did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else "see --dry-run",
    )


def _with_keys(catalogue: Catalogue, choices: TableChoices) -> Catalogue:
    keys = {find_table(catalogue, name).name: columns for name, columns in choices.keys.items()}
    for name, columns in keys.items():
        _check_columns(catalogue.table(name), columns, "key")
    tables = tuple(
        replace(table, key=tuple(keys[table.name]), declared=False) if table.name in keys else table
        for table in catalogue.tables
    )
    return replace(catalogue, tables=tables)


def _with_references(catalogue: Catalogue, choices: TableChoices) -> Catalogue:
    """The catalogue with the user's references beside the declared ones."""
    added: list[ForeignKey] = []
    for reference in choices.references:
        child, parent = (find_table(catalogue, reference[end]) for end in ("child", "parent"))
        columns, parent_columns = tuple(reference["columns"]), tuple(reference["parent_columns"])
        _check_columns(child, columns, "reference")
        _check_columns(parent, parent_columns, "reference")
        if len(columns) != len(parent_columns):
            raise ConfigurationError(
                f"the reference `{reference['name']}` has {len(columns)} columns on one side and"
                f" {len(parent_columns)} on the other",
                suggestion="name as many columns of the child as of the parent, in the same order",
            )
        key = ForeignKey(reference["name"], child.name, columns, parent.name, parent_columns, validated=False)
        if key.origin in {other.origin for other in (*catalogue.foreign_keys, *added)}:
            raise ConfigurationError(
                f"`{child.name}` has two references `{key.name}`",
                why="edges are told apart by the names of their table and reference",
                suggestion="give the configured reference another name",
            )
        added.append(key)
    foreign_keys = (*catalogue.foreign_keys, *added)
    tables, cycles = ordered(catalogue.tables, foreign_keys)
    return replace(catalogue, tables=tables, foreign_keys=foreign_keys, cycles=cycles)


def _forms(catalogue: Catalogue) -> Mapping[TableName, IdForm]:
    keyed = {
        table.name: KeyedTable(
            table.name.schema,
            table.name.name,
            tuple(_is_wordy(table, column) for column in table.key) or (True,),
        )
        for table in catalogue.tables
    }
    forms = choose_forms(list(keyed.values()))
    return {name: forms[table] for name, table in keyed.items()}


def _is_wordy(table: Table, column: str) -> bool:
    return table.column(column).base not in _PLAIN


def _spaces(catalogue: Catalogue, choices: TableChoices) -> Mapping[TableName, str]:
    chosen = {find_table(catalogue, name).name: check_space(space) for name, space in choices.spaces.items()}
    if choices.memory_space is not None:
        return {t.name: chosen.get(t.name, check_space(choices.memory_space)) for t in catalogue.tables}
    rest = [t.name for t in catalogue.tables if t.name not in chosen]
    own = spaces_for([(name.schema, name.name) for name in rest])
    return chosen | {name: own[name.schema, name.name] for name in rest}


def _text_columns(table: Table, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    if chosen is None:
        return tuple(column.name for column in table.columns if column.is_text)
    _check_columns(table, chosen, "text")
    return chosen


def _time_column(table: Table, chosen: str | None, everywhere: str | None) -> str | None:
    if chosen is None and everywhere is not None and table.has(everywhere):
        chosen = everywhere
    if chosen is not None:
        _check_columns(table, (chosen,), "timestamp")
        if not table.column(chosen).is_time:
            raise ConfigurationError(
                f"`{table.name}.{chosen}` cannot say when a row was made",
                why=f"its type is {table.column(chosen).type}",
                suggestion="name a column of type date, timestamp or timestamptz",
            )
        return chosen
    by_name = {column.name.lower(): column.name for column in table.columns if column.is_time}
    return next((by_name[name] for name in TIME_NAMES if name in by_name), None)


def _check_everywhere(catalogue: Catalogue, column: str | None) -> None:
    if column is not None and not any(table.has(column) for table in catalogue.tables):
        raise ConfigurationError(
            f"`--timestamp-column {column}` names a column that no table has",
            suggestion="look at the plan, which shows each table's column for `created_at`",
            example="python -m pipelines.postgresql --source … --dry-run",
        )


def _check_columns(table: Table, columns: Iterable[str], purpose: str) -> None:
    for column in columns:
        if not table.has(column):
            names = [c.name for c in table.columns]
            near = difflib.get_close_matches(column, names, n=1)
            raise ConfigurationError(
                f"the {purpose} settings name a column `{table.name}.{column}`",
                why="the table has no such column",
                suggestion=f"did you mean `{near[0]}`?" if near else f"it has: {', '.join(names)}",
            )


def _table_mapping(
    read: TableRead,
    forms: Mapping[TableName, IdForm],
    spaces: Mapping[TableName, str],
    choices: TableChoices,
) -> TableMapping:
    return TableMapping(
        table=str(read.table.name),
        space=spaces[read.table.name],
        form=forms[read.table.name],
        layout=read.layout,
        references=tuple(_reference(reference, forms, spaces, choices) for reference in read.references),
        confidence=choices.confidence,
        activation=choices.activation,
        decay_rate=choices.decay_rate,
        content_limit=choices.content_limit,
    )


def _reference(
    reference: ReferenceRead,
    forms: Mapping[TableName, IdForm],
    spaces: Mapping[TableName, str],
    choices: TableChoices,
) -> ReferenceMapping:
    key = reference.key
    spelled = dict(zip(key.parent_columns, range(len(key.parent_columns)), strict=True))
    order = () if reference.joined else tuple(spelled[column] for column in reference.parent_key)
    return ReferenceMapping(
        type=key.name,
        origin=key.origin,
        columns=key.child_columns,
        target=forms[key.parent],
        target_space=spaces[key.parent],
        order=order,
        weight=choices.edge_weight,
    )
