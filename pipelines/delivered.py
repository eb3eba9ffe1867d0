"""What became of a run at a public Engram server, as a check of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from io_connectors.engram.home import TargetRun
from io_connectors.engram.public.choices import REPORT
from io_connectors.engram.public.delivery import DELIVERY
from io_connectors.engram.public.ledger import ABSORBED, CONFLICT, LOST, OUTCOMES
from pipelines.report import Check


def delivery_checks(run: TargetRun) -> tuple[Check, ...]:
    """Whether every memory was read back from the server; none where there is no such server."""
    delivery = run.finding(DELIVERY)
    if delivery is None:
        return ()
    counts = Counter[str]()
    for outcomes in delivery["spaces"].values():
        counts.update(outcomes)
    accepted = delivery["on_absorbed"] == REPORT
    passed = not (counts[LOST] or counts[CONFLICT] or (counts[ABSORBED] and not accepted))
    found = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES)
    if counts[ABSORBED] and accepted:
        found += " (accepted by `--on-absorbed report`)"
    return (
        Check("every memory was read back from the Engram server", passed, found, tuple(_details(delivery))),
    )


def _details(delivery: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{space}: {', '.join(f'{count:,} {outcome}' for outcome, count in outcomes.items())}"
        for space, outcomes in delivery["spaces"].items()
    ]
    for outcome, ids in delivery["samples"].items():
        lines += [f"{outcome}: {id}" for id in ids]
    if any(delivery["samples"].values()):
        lines.append(f"all of them: {delivery['undelivered']}")
    if delivery["left_behind"]:
        lines.append(f"{delivery['left_behind']:,} that the source no longer has are still on the server")
    if delivery["outages"]:
        lines.append(f"{delivery['outages']:,} connections were lost, and everything was read back since")
    return lines
