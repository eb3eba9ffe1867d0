"""The page plan: every record in one page, whatever holes the ids have and whatever was planned before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set

from hypothesis import given
from hypothesis import strategies as st

from io_connectors.neo4j.census import Bucket, Census, Sort
from io_connectors.neo4j.plan import Boundaries, PagePlan, Plan
from io_connectors.neo4j.rows import NODES, RELATIONSHIPS

PERSON: Sort = ("Person",)
IDS = st.sets(st.integers(0, 5000), max_size=80)
WIDTHS = st.sampled_from([1, 7, 100, 10_000])


def census_of(width: int, nodes: Set[int], relationships: Set[int] = frozenset()) -> Census:
    """A census as the server would give it."""
    return Census(width, _buckets(width, nodes), _buckets(width, relationships), {})


def _buckets(width: int, ids: Set[int]) -> dict[int, Bucket]:
    buckets: dict[int, Bucket] = {}
    for number, count in Counter(one // width for one in ids).items():
        mine = [one for one in ids if one // width == number]
        buckets[number] = Bucket(count, sum(one * (one % 1009 + 1) for one in mine), {PERSON: count})
    return buckets


def cut(
    width: int, nodes: Set[int], relationships: Set[int] = frozenset(), before: Plan | None = None
) -> Plan:
    boundaries = before.boundaries if before else Boundaries(width, 1, 0)
    return Plan.cut(boundaries, census_of(width, nodes, relationships))


def ids_in(pages: list[PagePlan]) -> list[int]:
    return [one for page in pages for one in range(page.start, page.stop)]


def pages_of(plan: Plan, kind: str) -> list[PagePlan]:
    return [page for page in plan.pages.values() if page.kind == kind]


@given(WIDTHS, IDS, IDS)
def test_every_record_is_in_exactly_one_page(width: int, nodes: set[int], relationships: set[int]) -> None:
    plan = cut(width, nodes, relationships)
    for kind, ids in ((NODES, nodes), (RELATIONSHIPS, relationships)):
        covered = Counter(ids_in(pages_of(plan, kind)))
        assert all(covered[one] == 1 for one in ids)
        assert sum(page.rows for page in pages_of(plan, kind)) == len(ids)
        assert all(page.rows <= width for page in pages_of(plan, kind))


@given(WIDTHS, IDS, IDS)
def test_a_later_attempt_keeps_unchanged_pages_and_covers_new_records(
    width: int, earlier: set[int], later: set[int]
) -> None:
    before = cut(width, earlier)
    after = cut(width, later, before=before)
    covered = Counter(ids_in(pages_of(after, NODES)))
    assert all(covered[one] == 1 for one in later)
    for page_id, page in before.pages.items():
        inside = set(range(page.start, page.stop))
        assert (page_id in after.pages) == (earlier & inside == later & inside)


@given(WIDTHS, IDS)
def test_boundaries_survive_being_saved(width: int, nodes: set[int]) -> None:
    plan = cut(width, nodes, nodes)
    again = Plan.cut(Boundaries.from_document(plan.boundaries.document()), plan.census)
    assert again == plan


@given(WIDTHS, st.sets(st.integers(0, 5000), min_size=1, max_size=80))
def test_another_reading_has_pages_of_other_names(width: int, nodes: set[int]) -> None:
    first = Plan.cut(Boundaries(width, 1, 0), census_of(width, nodes))
    second = Plan.cut(Boundaries(width, 2, 0), census_of(width, nodes))
    assert not first.pages.keys() & second.pages.keys()


def test_sparse_ids_share_pages_up_to_a_span() -> None:
    plan = cut(100, {*range(0, 1000, 100), 1_000_000})
    assert [(page.start, page.stop, page.rows) for page in plan.pages.values()] == [
        (0, 1000, 10),
        (1_000_000, 1_000_100, 1),
    ]


def test_a_census_says_how_the_graph_changed() -> None:
    before, after = census_of(100, {1, 2, 300}), census_of(100, {1, 3, 300, 301})
    assert before.changes(before, NODES) == ""
    assert before.changes(after, NODES) == "nodes 3 → 4; (:Person) +1; other ids in 2 of 2 ranges"
    swapped = census_of(100, {1, 4, 300})
    assert before.changes(swapped, NODES) == "nodes 3 → 3; other ids in 1 of 2 ranges"
