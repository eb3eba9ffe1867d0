"""Parents before children, and circles exactly where there are circles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from io_connectors.postgresql.catalogue import ForeignKey, Relation, Table, TableName, ordered

TABLES = [f"t{number}" for number in range(7)]
ARROWS = st.sets(st.tuples(st.sampled_from(TABLES), st.sampled_from(TABLES)), max_size=20)


def table(name: str) -> Table:
    named = TableName("s", name)
    return Table(named, (), (), (Relation(named, 0, "r", True, 0, 0, 0),))


def reaches(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The transitive closure, by brute force."""
    closure = set(arrows)
    while True:
        more = {(a, d) for a, b in closure for c, d in closure if b == c} - closure
        if not more:
            return closure
        closure |= more


@given(ARROWS, st.permutations(TABLES))
def test_order_and_circles(arrows: set[tuple[str, str]], given_order: list[str]) -> None:
    keys = [ForeignKey(f"{c}_{p}", TableName("s", c), (), TableName("s", p), ()) for c, p in sorted(arrows)]
    order, cycles = ordered([table(name) for name in given_order], keys)
    place = {found.name.name: position for position, found in enumerate(order)}
    assert sorted(place) == TABLES
    closure = reaches({(child, parent) for child, parent in arrows if child != parent})
    for child, parent in closure:
        assert place[parent] < place[child] or (parent, child) in closure
    circles = {tuple(sorted(b for b in TABLES if {(a, b), (b, a)} <= closure)) for a in TABLES}
    assert {tuple(name.name for name in cycle) for cycle in cycles} == circles - {()}
    assert ordered([table(name) for name in TABLES], keys) == (order, cycles)


def test_key_of_a_leaf_orders_its_table() -> None:
    root = TableName("s", "events")
    leaf = Relation(TableName("s", "events_1"), 1, "r", True, 0, 0, 0)
    events = Table(root, (), (), (leaf,))
    key = ForeignKey("k", leaf.name, ("u",), TableName("s", "users"), ("id",))
    order, _ = ordered([events, table("users")], [key])
    assert [found.name.name for found in order] == ["users", "events"]
