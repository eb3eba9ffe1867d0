"""What the pictures of a report show, told from the run's pages and receipts, a page at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import numpy as np
import numpy.typing as npt

from engram_store.model import PageReceipt
from io_connectors.engram.home import TargetRun

#: Lower bounds of the bins of activations, which lie between 0 and 1.
_ACTIVATIONS = tuple(step / 20 for step in range(20))
#: Lower bounds of the bins of decay rates: 1, 2, 5 of each power of ten, from years to seconds.
_DECAY_RATES = (0.0, *(float(f"{digit}e{power}") for power in range(-7, 5) for digit in (1, 2, 5)))

_BUCKETS = 60
_REASONS = 10
#: Different reasons that are told apart while they are counted; each further one counts as another.
_REASONS_KEPT = 1_000
_OTHER = "other reasons"


@dataclass(frozen=True, slots=True)
class Bin:
    """How many values lie between two bounds.

    Attributes:
        low: The least value.
        high: The value at which the next bin begins, or None for no bound.
        count: Memories with such a value.
    """

    low: float
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """Records acknowledged over the time of the last attempt that wrote any.

    Attributes:
        started_at: When its first page was acknowledged, RFC 3339; empty if no page was.
        seconds: How long each bucket is; 0 if all pages came at one instant.
        records: Records acknowledged in each bucket.
    """

    started_at: str = ""
    seconds: float = 0.0
    records: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Distributions:
    """What a run's pages hold, as far as pictures show it.

    Attributes:
        activation: Activations as they were written, in bins of 0.05.
        decay_rate: Decay rates per hour, in bins at 1, 2, 5 of each power of ten.
        refusals: Reason → dead letters; the most frequent reasons, and all others together.
        throughput: Records over time.
    """

    activation: tuple[Bin, ...] = ()
    decay_rate: tuple[Bin, ...] = ()
    refusals: Mapping[str, int] = field(default_factory=dict)
    throughput: Throughput = field(default_factory=Throughput)


def distributions_of(
    run: TargetRun,
    receipts: Sequence[PageReceipt],
    page_rows: Mapping[str, int],
    attempts: Sequence[Mapping[str, str]],
) -> Distributions:
    """Looks through a run's pages: two columns of each, one page in memory at a time.

    Args:
        run: The run.
        receipts: Its pages.
        page_rows: Page id → records.
        attempts: When each attempt began, as ``at``.
    """
    activations, decay_rates = _Tally(_ACTIVATIONS, 1.0, len(_ACTIVATIONS)), _Tally(_DECAY_RATES, None, 3)
    for receipt in receipts:
        if receipt.memories:
            page = run.memories(receipt.page_id, ["activation", "decay_rate"])
            activations.add(page.column("activation").to_numpy())
            decay_rates.add(page.column("decay_rate").to_numpy())
    return Distributions(
        activation=activations.bins(),
        decay_rate=decay_rates.bins(),
        refusals=_refusals(run) if any(receipt.dead_letters for receipt in receipts) else {},
        throughput=throughput_of(receipts, page_rows, attempts),
    )


class _Tally:
    """Counts values in bins.

    Args:
        bounds: Where each bin begins.
        most: Where the last one ends, or None.
        margin: Empty bins that are kept on both sides of those that are not empty.
    """

    def __init__(self, bounds: Sequence[float], most: float | None, margin: int) -> None:
        self._bounds = bounds
        self._most = most
        self._margin = margin
        # Values are float32: their neighbours in float64 would fall beside a bound that they equal.
        self._edges = np.array(bounds[1:], dtype=np.float32)
        self._counts = np.zeros(len(bounds), dtype=np.int64)

    def add(self, values: npt.NDArray[Any]) -> None:
        places = np.searchsorted(self._edges, values, side="right")
        self._counts += np.bincount(places, minlength=len(self._counts))

    def bins(self) -> tuple[Bin, ...]:
        """The bins around those that are not empty; none if all are."""
        filled = np.flatnonzero(self._counts)
        if not len(filled):
            return ()
        begin, end = max(0, filled[0] - self._margin), filled[-1] + 1 + self._margin
        bins = zip(self._bounds, (*self._bounds[1:], self._most), self._counts.tolist(), strict=True)
        return tuple(Bin(low, high, count) for low, high, count in list(bins)[begin:end])


def throughput_of(
    receipts: Sequence[PageReceipt], page_rows: Mapping[str, int], attempts: Sequence[Mapping[str, str]]
) -> Throughput:
    """Records over time, in the last attempt that wrote pages; what lies between attempts is no work."""
    if not receipts:
        return Throughput()
    times = np.array([receipt.written_at for receipt in receipts])
    rows = np.array([page_rows[receipt.page_id] for receipt in receipts], dtype=np.int64)
    starts = [datetime.fromisoformat(attempt["at"]).timestamp() for attempt in attempts]
    begun = max((start for start in starts if start <= times.max()), default=times.min())
    last = times >= begun
    times, rows = times[last], rows[last]
    first, width = float(times.min()), float(times.max() - times.min()) / _BUCKETS
    places = np.minimum(((times - first) / width).astype(int), _BUCKETS - 1) if width else np.zeros(0, int)
    started_at = datetime.fromtimestamp(first, timezone.utc).isoformat(timespec="seconds")
    if not width:
        return Throughput(started_at, 0.0, (int(rows.sum()),))
    counts = np.bincount(places, weights=rows, minlength=_BUCKETS)
    return Throughput(started_at, width, tuple(map(int, counts)))


def _refusals(run: TargetRun) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for letter in run.dead_letters():
        known = letter["reason"] in reasons or len(reasons) < _REASONS_KEPT
        reasons[letter["reason"] if known else _OTHER] += 1
    frequent = dict(reasons.most_common(_REASONS))
    others = reasons.total() - sum(frequent.values())
    return {**frequent, _OTHER: frequent.get(_OTHER, 0) + others} if others else frequent
