"""Memory ids: ``users_123`` where that is provably unique, an escaped full name where not.

The short form joins the table's name and the key's values by ``_`` and is easy to read, but
``a_b`` + ``c`` and ``a`` + ``b_c`` make the same text, and so do two tables of one name. The
full form ``schema.table:value,value`` escapes its separators and is injective by construction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
_VALUE_ESCAPES = str.maketrans({"%": "%25", ",": "%2C", ":": "%3A"})
_NAME_ESCAPES = str.maketrans({"%": "%25", ",": "%2C", ":": "%3A", ".": "%2E"})


@dataclass(frozen=True, slots=True)
class IdForm:
    """How the ids of one table are made.

    Attributes:
        prefix: What every id of the table starts with.
        escaped: Whether it is the full form.
    """

    prefix: str
    escaped: bool

    def id(self, key: Sequence[str]) -> str:
        """The id of the record with these key values."""
        if not self.escaped:
            return self.prefix + "_".join(key)
        return self.prefix + ",".join(value.translate(_VALUE_ESCAPES) for value in key)

    def ids(self, columns: Sequence[Sequence[str]]) -> list[str]:
        """The ids of many records, their key values given by column."""
        if len(columns) == 1 and not self.escaped:
            prefix = self.prefix
            return [prefix + value for value in columns[0]]
        return [self.id(key) for key in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class KeyedTable:
    """What the choice of a form depends on.

    Attributes:
        schema: The table's schema.
        name: The table's name.
        wordy: For each key column, whether its values may hold any text (and so a ``_``).
    """

    schema: str
    name: str
    wordy: tuple[bool, ...]

    @property
    def short(self) -> IdForm:
        """``table_`` and the values."""
        return IdForm(f"{self.name}_", False)

    @property
    def full(self) -> IdForm:
        """``schema.table:`` and the escaped values."""
        schema, name = (part.translate(_NAME_ESCAPES) for part in (self.schema, self.name))
        return IdForm(f"{schema}.{name}:", True)


def choose_forms(tables: Sequence[KeyedTable]) -> Mapping[KeyedTable, IdForm]:
    """The short form for every table whose ids cannot meet another table's or each other.

    A table needs the full form when its name is no plain word, when two or more of its key
    columns may hold a ``_``, or when what follows its prefix could be read as part of another
    table's prefix. A full prefix may in turn meet another table's short one, so the choice is
    repeated until it stands.
    """
    forms = {table: table.short if _unambiguous(table) else table.full for table in tables}
    while True:
        clashing = [table for table, form in forms.items() if not form.escaped and _meets(table, forms)]
        if not clashing:
            return forms
        forms.update({table: table.full for table in clashing})


def _unambiguous(table: KeyedTable) -> bool:
    return _WORD.fullmatch(table.name) is not None and sum(table.wordy) <= 1


def _meets(table: KeyedTable, forms: Mapping[KeyedTable, IdForm]) -> bool:
    """Whether an id of the table could start with another table's prefix, or the other way round.

    Values of types without ``_`` cannot spell the rest of a short prefix, which ends in ``_``
    and holds a word before it; against full prefixes no such argument is made.
    """
    mine = forms[table].prefix
    for other, form in forms.items():
        if other == table or not form.prefix.startswith(mine):
            continue
        if form.prefix == mine or form.escaped or any(table.wordy) or len(table.wordy) > 1:
            return True
    return False
