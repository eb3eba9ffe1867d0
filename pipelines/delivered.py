"""What became of a run at a public Engram server, as a check of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from io_connectors.engram.home import TargetRun
from io_connectors.engram.public.choices import REPORT
from io_connectors.engram.public.ledger import (
    ABSORBED,
    AMISS,
    CONFLICT,
    DIFFERING,
    DOUBLED,
    LOST,
    NOT_COMPARED,
    OUTCOMES,
)
from io_connectors.engram.public.outcome import DELIVERY
from pipelines.report import Check


def delivery_checks(run: TargetRun) -> tuple[Check, ...]:
    """Whether every memory and its vector were read back; none where there is no public server."""
    delivery = run.finding(DELIVERY)
    if delivery is None:
        return ()
    # A delivery by an earlier version did not compare vectors.
    return _memories(delivery), *((_vectors(delivery),) if "vectors" in delivery else ())


def _memories(delivery: Mapping[str, Any]) -> Check:
    counts = Counter[str]()
    for outcomes in delivery["spaces"].values():
        counts.update(outcomes)
    accepted = delivery["on_absorbed"] == REPORT
    passed = not (counts[LOST] or counts[CONFLICT] or (counts[ABSORBED] and not accepted))
    found = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES)
    if counts[ABSORBED] and accepted:
        found += " (accepted by `--on-absorbed report`)"
    return Check(
        "every memory was read back from the Engram server", passed, found, tuple(_details(delivery))
    )


def _vectors(delivery: Mapping[str, Any]) -> Check:
    counts = delivery["vectors"]
    found = f"{counts['equal']:,} equal, {counts[DIFFERING]:,} differing, {counts[NOT_COMPARED]:,} not listed"
    if counts[DOUBLED]:
        found += f"; {counts[DOUBLED]:,} records once more under another id"
    passed = not any(counts[kind] for kind in AMISS)
    return Check(
        "every vector on the Engram server is the one that was sent",
        passed,
        found,
        tuple(_named(delivery, AMISS)),
    )


def _details(delivery: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{space}: {', '.join(f'{count:,} {outcome}' for outcome, count in outcomes.items())}"
        for space, outcomes in delivery["spaces"].items()
    ]
    lines += _named(delivery, (LOST, CONFLICT, ABSORBED))
    if delivery["left_behind"]:
        lines.append(f"{delivery['left_behind']:,} that the source no longer has are still on the server")
    if delivery["outages"]:
        lines.append(f"{delivery['outages']:,} connections were lost, and everything was read back since")
    return lines


def _named(delivery: Mapping[str, Any], kinds: Sequence[str]) -> list[str]:
    names = [
        f"{kind.replace('_', ' ')}: {name}" for kind in kinds for name in delivery["samples"].get(kind, ())
    ]
    return [*names, f"all of them: {delivery['undelivered']}"] if names else []
