from __future__ import annotations

import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engram_store.edges_check import OrphanSample
from engram_store.model import EDGE_SCHEMA
from engram_store.run import Run
from engram_store.store import Store
from tests.store.synthetic import Link, memories, write


def test_orphans_by_origin(store: Store, run: Run) -> None:
    write(
        run,
        "p1",
        memories(["a", "b"]),
        [Link("e1", "a", "b"), Link("e2", "a", None), Link("e3", "b", "gone")],
    )
    write(run, "p2", memories(["c"], space="other"), [Link("e4", "c", "a", "o2"), Link("e5", "b", "a", "o2")])
    found = store.check_edges(run.id)
    assert (found.edges, found.orphans) == (5, 3)
    assert (found.origins["fk"].edges, found.origins["fk"].orphans) == (3, 2)
    assert found.origins["fk"].samples == (OrphanSample("e2", "a", None), OrphanSample("e3", "b", "gone"))
    # c is there, but in another space.
    assert found.origins["o2"].samples == (OrphanSample("e4", "c", "a"),)
    kept = pq.read_table(run.orphans_path)
    assert kept.schema.equals(EDGE_SCHEMA)
    assert kept["id"].to_pylist() == ["e2", "e3", "e4"]
    assert kept["properties"].to_pylist() == ['{"since": 1}'] * 3


def test_spaces_count(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a", "b"]), [Link("e1", "a", "b", target_space="orders")])
    assert store.check_edges(run.id).orphans == 1
    write(run, "p2", memories(["b"], space="orders"))
    assert store.check_edges(run.id).orphans == 0
    assert pq.read_table(run.orphans_path).num_rows == 0


def test_the_other_end_may_be_in_another_run(store: Store, run: Run, later: Run) -> None:
    write(run, "p1", memories(["a"]), [Link("e1", "a", "b")])
    write(later, "p1", memories(["a", "b"]), [Link("e2", "b", "c")])
    assert store.check_edges(run.id).orphans == 0
    assert store.check_edges(later.id).orphans == 1


def test_five_samples_of_many(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a"]), [Link(f"e{row}", "a", None) for row in range(2000)])
    [origin] = store.check_edges(run.id).origins.values()
    assert (origin.orphans, len(origin.samples)) == (2000, 5)


def test_unacknowledged_edges_do_not_count(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a"]), [Link("e1", "a", None)])
    run.memories_path("p1").unlink()
    assert store.check_edges(run.id).edges == 0


def test_nothing_at_all(store: Store, run: Run) -> None:
    assert store.check_edges(run.id).origins == {}


_Ends = tuple[str, str | None, str]
_IDS = st.sampled_from(["a", "b", "c", "ü", ""])
_ENDS = st.tuples(_IDS, st.none() | _IDS, st.sampled_from(["fk", "rel"]))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(_IDS), st.lists(_ENDS, max_size=8))
def test_orphans_as_a_set_would_say(
    store: Store, ids: set[str], ends: list[tuple[str, str | None, str]]
) -> None:
    run = store.create_run(f"r{len(store.runs())}", {})
    try:
        links = [Link(f"e{row}", *three) for row, three in enumerate(ends)]
        write(run, "p", memories(sorted(ids)), links)
        store.check_edges(run.id)
        orphans = [link.id for link in links if not {link.source, link.target} <= ids]
        assert pq.read_table(run.orphans_path)["id"].to_pylist() == orphans
        assert sum(store.finalize().orphans.values()) == len(orphans)
    finally:
        run.remove()
