"""Ids: plain where that is provably unique, and never two records under one."""

from __future__ import annotations

from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from transforms.mapping.ids import KeyedTable, choose_forms

NAMES = ["a", "b", "a_b", "a_", "_a", "b_a", "a_1", "a_b_", "A", "é", "a.b", "a b", "s.a", "s.a:", "a%2E"]
SCHEMAS = ["s", "t", "a", "a_", "s.a", "a_b", "a_1", ""]
# What keys of any text may hold, and what keys of plain types may: anything but a `_`.
WORDY = ["", "_", "a", "b", "a_", "_a", "a_b", "1", "b_1", ",", ":", "%", "%2C", ".a:", "s.a:1", "x:1,2"]
PLAIN = ["1", "12", "-1", "a", "b", "2024-01-01 00:00:00+00", "\\x00", "x:1", ".a:1", ",", "(1,2)", "1.5"]

TABLES = st.lists(
    st.builds(
        KeyedTable,
        st.sampled_from(SCHEMAS),
        st.sampled_from(NAMES),
        st.lists(st.booleans(), min_size=1, max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda table: (table.schema, table.name),
)


@given(TABLES, st.data())
@example([KeyedTable("s", "a", (True,)), KeyedTable("s", "a_b", (False,))], None)
@example([KeyedTable("s", "a", (False,)), KeyedTable("a_1", "x y", (False,))], None)
def test_no_two_records_share_an_id(tables: list[KeyedTable], data: st.DataObject | None) -> None:
    forms = choose_forms(tables)
    owners: dict[str, tuple[KeyedTable, tuple[str, ...]]] = {}
    for table in tables:
        values = [WORDY if wordy else PLAIN for wordy in table.wordy]
        if data is not None and len(values) > 1:
            values = [data.draw(st.lists(st.sampled_from(v), max_size=7, unique=True)) for v in values]
        for key in product(*values):
            memory_id = forms[table].id(key)
            assert owners.setdefault(memory_id, (table, key)) == (table, key)
            assert forms[table].ids([[value] for value in key]) == [memory_id]


@given(st.lists(st.text("abxyz", min_size=1, max_size=6), min_size=1, max_size=8, unique=True))
def test_plain_tables_have_plain_ids(names: list[str]) -> None:
    tables = [KeyedTable("public", name, (False,)) for name in names]
    forms = choose_forms(tables)
    assert [forms[table].id(["123"]) for table in tables] == [f"{name}_123" for name in names]


def test_forms_that_people_will_see() -> None:
    users = KeyedTable("public", "users", (False,))
    roles = KeyedTable("public", "user_roles", (False, False))
    tags = KeyedTable("public", "tags", (True, True))
    other = KeyedTable("other", "tags", (False,))
    forms = choose_forms([users, roles, tags, other])
    assert forms[users].id(["123"]) == "users_123"
    assert forms[roles].id(["1", "2"]) == "user_roles_1_2"
    assert forms[tags].id(["a,b", "c:%"]) == "public.tags:a%2Cb,c%3A%25"
    # One table of a name may keep the plain form, since the other one needs the full form anyway.
    assert forms[other].id(["1"]) == "tags_1"
    same = choose_forms([users, KeyedTable("app", "users", (False,))])
    assert [form.id(["1"]) for form in same.values()] == ["public.users:1", "app.users:1"]
