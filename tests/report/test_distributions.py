"""What the pictures show is what the pages hold."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_store.run import Run
from engram_store.store import Store
from pipelines.reporting.distributions import Bin, Throughput, distributions_of, throughput_of
from tests.store.synthetic import edges, memories, receipt, write

_START = 1_700_000_000.0


def _attempt(at: float) -> dict[str, str]:
    return {"name": "", "at": datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Store.open(tmp_path / "store", create=True).create_run("first", {"model": "m"})


def test_every_memory_is_in_its_bin(run: Run) -> None:
    kinds = [(0.5, 0.01), (0.5, 0.01), (1.0, 0.0), (0.0, 3600.0), (0.05, 50_000.0), (0.049, 1e-9)]
    for number, (activation, decay_rate) in enumerate(kinds):
        write(run, f"p{number}", memories([f"a{number}"], activation=activation, decay_rate=decay_rate))
    write(run, "empty", memories([]))
    receipts = list(run.receipts())
    found = distributions_of(run, receipts, dict.fromkeys(run.page_ids(), 1), [])
    counts = {bin.low: bin.count for bin in found.activation if bin.count}
    assert counts == {0.0: 2, 0.05: 1, 0.5: 2, 0.95: 1}
    assert found.activation[0].low == 0.0 and found.activation[-1].high == 1.0
    filled = [bin for bin in found.decay_rate if bin.count]
    assert filled == [
        Bin(0.0, 1e-7, 2),
        Bin(0.01, 0.02, 2),
        Bin(2_000.0, 5_000.0, 1),
        Bin(50_000.0, None, 1),
    ]
    for bins in (found.activation, found.decay_rate):
        assert all(one.high == other.low for one, other in itertools.pairwise(bins))


def test_a_run_without_memories_has_no_bins(run: Run) -> None:
    found = distributions_of(run, [], {}, [])
    assert (found.activation, found.decay_rate, found.refusals, found.throughput) == (
        (),
        (),
        {},
        Throughput(),
    )


def test_refusals_are_counted_by_reason(run: Run) -> None:
    reasons = [f"reason {number}" for number in range(12) for _ in range(number + 1)]
    run.write_dead_letters("map", "p", ({"reason": reason} for reason in reasons))
    batch = memories(["a"])
    page = replace(receipt("p", batch, edges()), dead_letters=len(reasons))
    run.write_page(batch, edges(), page)
    found = distributions_of(run, list(run.receipts()), {"p": 79}, []).refusals
    assert found == {**{f"reason {n}": n + 1 for n in range(2, 12)}, "other reasons": 3}


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), min_size=1, max_size=30),
    st.lists(st.floats(-10, 110), max_size=3),
)
def test_throughput_counts_the_last_attempts_records_once(
    pages: list[tuple[float, int]], starts: list[float]
) -> None:
    batch = receipt("", memories([]), edges())
    receipts = [
        replace(batch, page_id=f"p{at}", written_at=_START + after) for at, (after, _) in enumerate(pages)
    ]
    rows = {f"p{at}": count for at, (_, count) in enumerate(pages)}
    attempts = [_attempt(_START + start) for start in sorted(starts)]
    shown = throughput_of(receipts, rows, attempts)
    last = max(after for after, _ in pages)
    begun = max((int(s) for s in (_START + start for start in starts) if int(s) <= _START + last), default=0)
    assert sum(shown.records) == sum(count for after, count in pages if _START + after >= begun)
    assert np.isfinite(shown.seconds) and len(shown.records) in (1, 60)


def test_time_between_attempts_is_not_shown() -> None:
    batch = receipt("", memories([]), edges())
    times = [0.0, 10.0, 10_000.0, 10_030.0, 10_060.0]
    receipts = [replace(batch, page_id=f"p{at}", written_at=_START + t) for at, t in enumerate(times)]
    rows = {f"p{at}": 100 for at in range(5)}
    shown = throughput_of(receipts, rows, [_attempt(_START), _attempt(_START + 9_990)])
    assert (shown.seconds, sum(shown.records)) == (1.0, 300)
    assert [at for at, count in enumerate(shown.records) if count] == [0, 30, 59]
