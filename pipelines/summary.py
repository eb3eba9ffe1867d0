"""From receipts and findings to the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engram_store.model import PageReceipt
from io_connectors.engram.home import TargetRun
from pipelines.embedding import TOKENS_PRICED, embedder_for
from pipelines.planned import PlannedSource, Recount
from pipelines.report import EdgeCount, Embedding, Report, TableCount
from pipelines.reporting.distributions import Distributions
from pipelines.settings.model import Settings
from transforms.validation.counts import COUNTS
from transforms.validation.orphans import ORPHANS


@dataclass(frozen=True, slots=True)
class Effort:
    """What one attempt took.

    Attributes:
        seconds: From the first page to the commit.
        records: Records read in this attempt.
        memory: The most resident bytes seen, of all processes together.
    """

    seconds: float
    records: int
    memory: int


def summarise(
    source: PlannedSource,
    settings: Settings,
    run: TargetRun,
    receipts: Sequence[PageReceipt],
    effort: Effort,
    after: Recount,
    distributions: Distributions,
) -> Report:
    """The report of a run, without checks.

    Args:
        source: The planned source.
        settings: The settings.
        run: The run.
        receipts: One for each planned page.
        effort: What the last attempt took.
        after: The source as it was counted after reading.
        distributions: What the pages hold.
    """
    embedder = embedder_for(settings)
    tokens = sum(receipt.tokens for receipt in receipts)
    counts, orphans = run.finding(COUNTS) or {}, run.finding(ORPHANS) or {}
    written = counts.get("memories", {})
    manifest = run.manifest
    return Report(
        run=run.id,
        system=source.system,
        source=source.shown,
        target=settings.target,
        attempts=tuple(manifest["attempts"]),
        seconds=effort.seconds,
        records=source.rows,
        new_records=effort.records,
        tables=_tables(source, receipts, after),
        spaces={s: n for s in dict.fromkeys((*source.spaces, *written)) if (n := written.get(s, 0))},
        edges=_edges(source, receipts, orphans, after),
        changes=after.changes,
        notes=source.notes,
        not_followed=source.not_followed,
        dead_letters=sum(receipt.dead_letters for receipt in receipts),
        omitted_times=sum(receipt.omitted_times for receipt in receipts),
        expired=sum(receipt.expired for receipt in receipts),
        embedding=Embedding(
            model=manifest["model"],
            semantic=embedder.semantic,
            description=embedder.description,
            texts=sum(receipt.texts[0] for receipt in receipts),
            distinct=sum(receipt.texts[1] for receipt in receipts),
            low_confidence=sum(receipt.low_confidence for receipt in receipts),
            zero_vectors=sum(receipt.zero_vectors for receipt in receipts),
            computed=sum(receipt.computed for receipt in receipts),
            tokens=tokens,
            cost=tokens * settings.embedding_price / TOKENS_PRICED,
        ),
        bytes=sum(receipt.bytes for receipt in receipts),
        peak_memory=effort.memory,
        distributions=distributions,
    )


def _tables(source: PlannedSource, receipts: Sequence[PageReceipt], after: Recount) -> dict[str, TableCount]:
    rows: Counter[str] = Counter()
    written: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    expired: Counter[str] = Counter()
    unaccounted: Counter[str] = Counter()
    for receipt in receipts:
        table, planned = source.page_tables[receipt.page_id], source.page_rows[receipt.page_id]
        arrived = _written(source, table, receipt)
        rows[table] += planned
        written[table] += arrived
        refused[table] += receipt.dead_letters
        expired[table] += receipt.expired
        if receipt.page_id not in after.changed_pages:
            unaccounted[table] += abs(planned - arrived - receipt.dead_letters - receipt.expired)
    return {
        table: TableCount(
            space=space,
            source=rows[table],
            source_after=after.rows.get(table, rows[table]),
            written=written[table],
            dead_letters=refused[table],
            expired=expired[table],
            unaccounted=unaccounted[table],
        )
        for table, space in source.tables.items()
    }


def _written(source: PlannedSource, table: str, receipt: PageReceipt) -> int:
    """Records of the page that arrived: as memories or, in a table of edges, as edges."""
    if table not in source.edge_tables:
        return receipt.arrived
    return sum(count for origin, count in receipt.edges.items() if origin not in source.added_edges)


def _edges(
    source: PlannedSource,
    receipts: Sequence[PageReceipt],
    orphans: Mapping[str, Mapping[str, Any]],
    after: Recount,
) -> dict[str, EdgeCount]:
    written: Counter[str] = Counter()
    settled: Counter[str] = Counter()
    for receipt in receipts:
        written.update(receipt.edges)
        if receipt.page_id not in after.changed_pages:
            settled.update(receipt.edges)
    unsettled = source.added_edges - after.settled_references.keys()
    counts = {}
    for origin in dict.fromkeys((*source.references, *written)):
        found = orphans.get(origin, {"orphans": 0, "samples": ()})
        expected = settled[origin] if origin in unsettled else after.settled_references.get(origin, 0)
        counts[origin] = EdgeCount(
            source=source.references.get(origin, written[origin] if origin in source.added_edges else 0),
            source_after=after.references.get(origin, 0),
            written=written[origin],
            unaccounted=expected - settled[origin],
            orphans=found["orphans"],
            samples=tuple(found["samples"]),
        )
    return counts
