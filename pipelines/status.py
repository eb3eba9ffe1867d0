"""``engram-migrate status``: how the runs of a target stand, also while one is under way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from io_connectors.engram.home import RunHome, TargetRun
from pipelines.progress import clock
from pipelines.report import REPORT

#: States in which the saved report is the run's.
_FINISHED = ("complete", "invalid")


@dataclass(frozen=True, slots=True)
class Status:
    """How a run stands, told from its manifest and its pages.

    Attributes:
        run: Its name.
        state: ``unfinished``, ``complete`` or ``invalid``; empty if no pipeline made it.
        source: The source's address without secrets.
        pages: Pages acknowledged.
        planned: Pages planned, or None where the run does not say.
        counts: Memories, edges, dead letters and expired records of these pages.
        last: When the last of them was acknowledged, in Unix seconds; 0 if none was.
        attempts: When each attempt began.
        checks: What the finished run was asked.
    """

    run: str
    state: str
    source: str
    pages: int
    planned: int | None
    counts: Mapping[str, int]
    last: float
    attempts: tuple[str, ...] = ()
    checks: tuple[Mapping[str, Any], ...] = field(default=())

    @classmethod
    def of(cls, run: TargetRun) -> Status:
        """Looks at a run."""
        manifest = run.manifest
        state = manifest.get("state", "")
        finished = state in _FINISHED
        pages = run.committed_page_ids() if finished else run.planned_page_ids()
        counts: Counter[str] = Counter()
        last = 0.0
        for receipt in run.receipts(pages):
            counts["memories"] += sum(receipt.memories.values())
            counts["edges"] += sum(receipt.edges.values())
            counts["refused"] += receipt.dead_letters
            counts["expired"] += receipt.expired
            last = max(last, receipt.written_at)
        return cls(
            run=run.id,
            state=state,
            source=manifest.get("source_shown", ""),
            pages=len(pages),
            planned=len(pages) if finished else manifest.get("planned_pages"),
            counts=counts,
            last=last,
            attempts=tuple(attempt["at"] for attempt in manifest.get("attempts", ())),
            checks=tuple((run.finding(REPORT) or {}).get("checks", ())) if finished else (),
        )

    def lines(self, now: float) -> list[str]:
        """The status as a person reads it.

        Args:
            now: The moment, in Unix seconds.
        """
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count)
        lines = [f"{self.run}  {self.state}", f"  source:    {self.source}", f"  pages:     {self._pages()}"]
        lines.append(f"  records:   {counts or 'none yet'}")
        if self.attempts:
            lines.append(f"  attempts:  {len(self.attempts)}, the last begun {self.attempts[-1]}")
        if self.last:
            lines.append(f"  last page: {clock(max(0.0, now - self.last))} ago")
        lines += [f"  {'✓' if c['passed'] else '✗'} {c['name']}: {c['found']}" for c in self.checks]
        return lines

    def _pages(self) -> str:
        if self.planned is None:
            return f"{self.pages:,}"
        share = 100.0 * self.pages / self.planned if self.planned else 100.0
        return f"{self.pages:,} of {self.planned:,} ({share:.1f} %)"


def status(home: RunHome, run: str | None) -> int:
    """Shows how the runs of a target stand, or one of them."""
    for name in [run] if run else home.runs():
        print("\n".join(Status.of(home.run(name)).lines(time.time())))
    return 0
