"""Validating a run: after a migration, or on its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from engram_store.errors import ConfigurationError
from io_connectors.engram.home import MemoryReader, RunHome, TargetRun
from pipelines.asked_checks import asked_checks
from pipelines.delivered import delivery_checks
from pipelines.planned import PlannedSource
from pipelines.report import Check, Report
from pipelines.reporting.distributions import Distributions
from pipelines.settings.model import Settings
from pipelines.summary import Effort, summarise
from pipelines.validation.checks import checks_of
from pipelines.validation.evidence import Evidence, gather
from pipelines.validation.reread import new_seed, read_again
from pipelines.validation.result import Validation
from transforms.validation.compare import Comparison
from transforms.validation.samples import AgainstSource, choose, compare_with_source

#: The finding that keeps the result beside the run.
VALIDATION = "validation"
_MAX_LOSS, _WORKERS = Settings.max_loss, Settings.parallel_workers


def checks_after(
    settings: Settings, home: RunHome, run: TargetRun, source: PlannedSource, report: Report
) -> tuple[Check, ...]:
    """The checks at the end of a migration, whose pages were written and served a moment ago.

    Args:
        settings: The settings.
        home: The target.
        run: The run, committed.
        source: The planned source, still in the state in which it was read.
        report: The run's report.
    """
    with home.reader() as reader:
        evidence, comparison = _gather(settings, home, run, reader, files=False)
        against = _against_source(settings, run, source, evidence, comparison)
        has_snapshots = bool(source.snapshot)
        return checks_of(replace(evidence, report=report, source=against, has_snapshots=has_snapshots))


def validate_with_source(
    settings: Settings, home: RunHome, run: TargetRun, source: PlannedSource
) -> Validation:
    """Validates a finished run against its target and its source; keeps the result beside it.

    Args:
        settings: The settings of the run.
        home: The target.
        run: The run.
        source: The source, planned on the boundaries of the run.
    """
    _require_finished(run)
    with home.reader() as reader:
        evidence, comparison = _gather(settings, home, run, reader, files=True)
        against = _against_source(settings, run, source, evidence, comparison)
        has_snapshots = bool(source.snapshot)
        report = _recounted(settings, run, source, evidence)
        if against.changed:
            # References are counted of the source as a whole, and pages of it are others now.
            report = replace(report, edges={})
        checks = checks_of(replace(evidence, report=report, source=against, has_snapshots=has_snapshots))
    checks = (*checks, *asked_checks(settings, home, run, source))
    return _kept(home, run, source.shown, checks)


def validate_target(home: RunHome, run: TargetRun) -> Validation:
    """Validates a finished run against its target alone; keeps the result beside it."""
    _require_finished(run)
    with home.reader() as reader:
        evidence, _ = gather(home, run, reader, files=True, max_loss=_MAX_LOSS, workers=_WORKERS)
    return _kept(home, run, "", checks_of(evidence))


def _gather(
    settings: Settings, home: RunHome, run: TargetRun, reader: MemoryReader, files: bool
) -> tuple[Evidence, Comparison]:
    most, workers = settings.max_loss, settings.parallel_workers
    return gather(home, run, reader, files=files, max_loss=most, workers=workers)


def _against_source(
    settings: Settings, run: TargetRun, source: PlannedSource, evidence: Evidence, comparison: Comparison
) -> AgainstSource:
    digests = evidence.ledger.digests
    there = {page: source.page_rows[page] for page in digests.keys() & source.page_rows.keys()}
    found = AgainstSource(seed=new_seed(), changed=len(digests.keys() ^ source.page_rows.keys()))
    doubtful = comparison.found.doubtful & there.keys()
    picks = choose(there, source.page_tables, doubtful, settings.samples, found.seed)
    vector_type = str(run.manifest.get("vector_type", settings.vector_type))
    with read_again(settings, source, picks, found.seed, vector_type) as again:
        compare_with_source(comparison, again, picks, found)
    return found


def _recounted(settings: Settings, run: TargetRun, source: PlannedSource, evidence: Evidence) -> Report:
    """The figures of those of a run's pages that are in the source as they were."""
    receipts = [r for page, r in evidence.ledger.receipts.items() if page in source.page_rows]
    return summarise(source, settings, run, receipts, Effort(0.0, 0, 0), source.unchanged(), Distributions())


def _require_finished(run: TargetRun) -> None:
    if run.manifest.get("state") == "unfinished":
        raise ConfigurationError(
            f"run `{run.id}` is not finished, and cannot be validated",
            why="an attempt at it was begun and has not come to its end",
            suggestion="give the command of the migration again; it goes on where it stopped",
        )


def _kept(home: RunHome, run: TargetRun, source: str, checks: tuple[Check, ...]) -> Validation:
    home.read_back()
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    system = str(run.manifest.get("system", ""))
    validation = Validation(run.id, system, source, home.address, at, (*checks, *delivery_checks(run)))
    run.save_finding(VALIDATION, validation.document())
    return validation
