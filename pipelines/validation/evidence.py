"""What the checks are made from: the target looked at once, the ledger, and what the source says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engram_store.errors import IntegrityError
from io_connectors.engram.home import MemoryReader, RunHome, TargetRun
from pipelines.report import Report
from pipelines.validation.look import look_by
from transforms.validation.compare import Compared, Comparison
from transforms.validation.ledger import Ledger, read_ledger
from transforms.validation.orphans import ORPHANS
from transforms.validation.samples import AgainstSource
from transforms.validation.served import Served

#: The run in which a server keeps memories that came one by one; some may wait to be counted.
_ONE_BY_ONE = "http"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found out about a run.

    Attributes:
        run: The run.
        manifest: What the launcher saved about it.
        ledger: What was acknowledged.
        served: What readers are given.
        compared: What differs between the two.
        reported_orphans: Orphans that the run itself reported, by origin.
        miscounted: Counts that the target gives and that are not those of what it serves.
        faults: What is wrong with the target's index as such.
        max_loss: The share of records that may be lost without the counts being wrong.
        report: What was counted in the source; None where the source was not asked.
        source: What reading the source again came to; None where it was not.
        has_snapshots: Whether what was read can be read again as it was.
    """

    run: str
    manifest: Mapping[str, object]
    started_at: float
    ledger: Ledger
    served: Served
    compared: Compared
    reported_orphans: Mapping[str, int]
    miscounted: tuple[str, ...]
    faults: tuple[str, ...]
    max_loss: float
    report: Report | None = None
    source: AgainstSource | None = None
    has_snapshots: bool = True


def gather(
    home: RunHome, run: TargetRun, reader: MemoryReader, files: bool, max_loss: float, workers: int = 1
) -> tuple[Evidence, Comparison]:
    """Looks at the target, and compares what it serves with what was acknowledged.

    Args:
        home: The target.
        run: The run.
        reader: What readers are given.
        files: Also compare the page files with their receipts.
        max_loss: As ``Evidence`` has it.
        workers: How many processes may look.

    Raises:
        IntegrityError: The index, or the manifest, cannot be read.
    """
    ledger, served = read_ledger(run), look_by(reader, run.id, workers)
    comparison = Comparison(home, run, reader, served, ledger)
    compared = comparison.go(files)
    wrong: list[str] = []
    evidence = Evidence(
        run=run.id,
        manifest=run.manifest,
        started_at=run.started_at,
        ledger=ledger,
        served=served,
        compared=compared,
        reported_orphans=_reported(run, wrong),
        miscounted=(*wrong, *_miscounted(home, run, reader, served)),
        faults=tuple(reader.parts().faults()),
        max_loss=max_loss,
    )
    return evidence, comparison


def _reported(run: TargetRun, wrong: list[str]) -> dict[str, int]:
    try:
        found = run.finding(ORPHANS) or {}
        return {origin: int(check["orphans"]) for origin, check in found.items()}
    except (IntegrityError, AttributeError, KeyError, TypeError, ValueError) as error:
        wrong.append(f"the list of orphans cannot be read: {error}")
        return {}


def _miscounted(home: RunHome, run: TargetRun, reader: MemoryReader, served: Served) -> list[str]:
    # A target without pages also counts what others wrote, and what long memories go on in.
    countable = home.capabilities.pages and _ONE_BY_ONE not in home.runs()
    own, every, edges = served.spaces(run.id), served.spaces(), served.origins()
    wrong = _unequal("memories of this run in space", reader.run_counts(run.id), own)
    wrong += _unequal("edges of", reader.edge_counts(), edges)
    if countable:
        wrong += _unequal("memories in space", reader.spaces(), every)
    return wrong


def _unequal(what: str, said: Mapping[str, int], served: Mapping[str, int]) -> list[str]:
    return [
        f"{what} {name}: the target says {said.get(name, 0):,}, and serves {served.get(name, 0):,}"
        for name in sorted(map(str, said.keys() | served.keys()))
        if said.get(name, 0) != served.get(name, 0)
    ]
