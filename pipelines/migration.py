"""A migration, whatever its source: run the pages that are not done, commit, check, report."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import apache_beam as beam

from engram_store.errors import AGAIN, DeadLetterLimitError, IntegrityError, PreflightError
from engram_store.model import PageReceipt
from io_connectors.engram.home import RunHome, TargetRun
from io_connectors.engram.write import WriteToEngram
from pipelines.asked_checks import asked_checks
from pipelines.beam_run import run_pipeline
from pipelines.delivered import delivery_checks
from pipelines.embedding import batch_size_of, check_embedding, embedding_of
from pipelines.logs import notice
from pipelines.metrics import serving_metrics
from pipelines.outcome import Outcome
from pipelines.planned import PlannedSource
from pipelines.progress import LedgerWatcher, State, memory_in_use, shown_on
from pipelines.report import REPORT, Report
from pipelines.reporting.distributions import distributions_of
from pipelines.room import check_room
from pipelines.run_state import note_attempt, note_state, replaced_runs
from pipelines.settings.model import Settings
from pipelines.summary import Effort, summarise
from pipelines.validation.validate import checks_after
from pipelines.watch import Watch
from transforms.embedding.embed import EmbedMemories
from transforms.validation.counts import CountRecords
from transforms.validation.ledger import seal
from transforms.validation.orphans import ORPHANS, CheckEdges, orphans_of

#: Bytes on disk that one memory is reckoned to take, beside its content: vector, index, edges.
RECORD_BYTES = 2_400
_SPARE_BYTES = 64 * 1024 * 1024

#: Rows from which on what comes after the pages takes longer than one waits without a word.
_LONG = 500_000

_STAND = "nothing has changed since the last attempt: its checks stand; see `engram-migrate validate`"

_log = logging.getLogger(__name__)

Receipts = Mapping[str, PageReceipt]


@dataclass(frozen=True, slots=True)
class Migration:
    """One attempt at a run.

    Attributes:
        settings: The settings.
        beam_flags: Flags for Beam.
        home: The locked home of the run.
        run: The run.
        source: The planned source.
    """

    settings: Settings
    beam_flags: tuple[str, ...]
    home: RunHome
    run: TargetRun
    source: PlannedSource

    def go(self) -> Report:
        """Migrates all pages that have no receipt yet, commits, checks and reports.

        Returns:
            The report, also saved beside the run.

        Raises:
            MigrationError: Whatever stopped the run; the same command goes on from there.
        """
        begun = time.monotonic()
        planned = self.source.page_rows.keys()
        generation = self._generation(planned)
        outcome = Outcome.of(self.run, generation) if generation and not self.settings.replay else None
        earlier = outcome.receipts if outcome else self._earlier_receipts()
        todo = [page_id for page_id in self.source.page_rows if page_id not in earlier]
        check_room(self.source, self.home.capabilities)
        self._check_disk(todo)
        _log.info("run %s: %d of %d pages are to be read", self.run.id, len(todo), len(planned))
        receipts, peak = earlier, memory_in_use()
        if todo:
            check_embedding(embedding_of(self.settings))
            note_attempt(self.run, self.source.snapshot, len(planned))
        after = self.source.unchanged()
        if todo or generation is None:
            receipts, peak = self._run_pages(todo, earlier)
            after = self.source.recount() if self.source.recount else after
            self._check_all_there(receipts)
            generation = self._commit(receipts)
        seconds = time.monotonic() - begun
        _log.info("run %s is complete after %.1f s", self.run.id, seconds)
        effort = Effort(seconds, self.source.rows_of(todo), peak)
        outcome = outcome or self._outcome(generation, receipts)
        pages = list(receipts.values())
        report = summarise(self.source, self.settings, self.run, pages, effort, after, outcome.distributions)
        if self.settings.validate:
            report = self._checked(report, outcome)
        report = replace(report, checks=(*report.checks, *delivery_checks(self.run)))
        self.run.save_finding(REPORT, report.document())
        note_state(self.run, "complete" if report.valid else "invalid")
        return report

    def _outcome(self, generation: str, receipts: Receipts) -> Outcome:
        """What this attempt came to, kept for the next one; nothing is checked yet."""
        pages, attempts = list(receipts.values()), self.run.manifest["attempts"]
        outcome = Outcome(
            generation, receipts, distributions_of(self.run, pages, self.source.page_rows, attempts)
        )
        outcome.save(self.run)
        return outcome

    def _checked(self, report: Report, outcome: Outcome) -> Report:
        """The report with its checks; those of the last attempt stand where nothing has changed since."""
        if outcome.stands:
            report = replace(report, notes=(*report.notes, _STAND))
        else:
            self._tell_if_long("the index is made; now all that is served is compared with what was read")
            checks = checks_after(self.settings, self.home, self.run, self.source, report)
            outcome = replace(outcome, checks=checks)
            outcome.save(self.run)
        asked = asked_checks(self.settings, self.home, self.run, self.source)
        return replace(report, checks=(*(outcome.checks or ()), *asked))

    def _generation(self, planned: Set[str]) -> str | None:
        """The generation that serves all as a complete run left it.

        Returns:
            None where there is none, where an attempt that was killed left pages behind, or where this
            command asks more of orphans.
        """
        if not planned == self.run.page_ids() == self.run.committed_page_ids():
            return None
        served = self.home.finalize()
        self._tidy(planned)
        if served.rebuilt or (self.settings.on_orphan != "report" and self._orphans()):
            return None
        return served.generation

    def _earlier_receipts(self) -> Receipts:
        """Receipts of the pages that need not be read; with ``--replay`` refused records count as need."""
        done = self.run.page_ids() & self.source.page_rows.keys()
        receipts = {receipt.page_id: receipt for receipt in self.run.receipts(done)}
        if self.settings.replay:
            return {page_id: receipt for page_id, receipt in receipts.items() if not receipt.dead_letters}
        return receipts

    def _run_pages(self, todo: Sequence[str], earlier: Receipts) -> tuple[Receipts, int]:
        """Runs the pipeline; gives all receipts, and the most memory that was seen in use."""
        watch, shown = Watch(), shown_on()
        peak = 0

        def show(state: State) -> None:
            nonlocal peak
            peak = max(peak, state.memory)
            shown(state)
            observed(state)
            if state.dead_letters > self.settings.max_dead_letters:
                watch.abort(self._too_many(state.dead_letters))

        self.run.plan_pages(self.source.page_rows)
        try:
            with (
                serving_metrics(self.settings.metrics_addr, self.run.id) as observed,
                LedgerWatcher(self.run, self.source.page_rows, earlier, show) as ledger,
            ):
                run_pipeline(
                    lambda pipeline: self._build(pipeline, todo, list(earlier.values())),
                    self.settings.parallel_workers,
                    self.beam_flags,
                    watch,
                )
        finally:
            shown.close()
        return ledger.receipts, peak

    def _build(self, pipeline: beam.Pipeline, todo: Sequence[str], earlier: Sequence[PageReceipt]) -> None:
        """The way of the data, top to bottom."""
        settings = self.settings
        target = self.home.target(self.run.id, settings.vector_type)
        embedding = embedding_of(settings)
        written = (
            pipeline
            | "Read and map" >> self.source.read(todo)
            | "Embed" >> EmbedMemories(embedding, batch_size_of(settings, embedding))
            | "Write" >> WriteToEngram(target)
        )
        before = pipeline | "Earlier receipts" >> beam.Create(earlier, reshuffle=False)
        (written.receipts, before) | "All receipts" >> beam.Flatten() | "Count" >> CountRecords(target)
        if self.home.capabilities.edges_at_workers:
            written.edges | "Check edges" >> CheckEdges(target)

    def _commit(self, receipts: Receipts) -> str:
        """Commits the planned pages; gives the generation that serves them."""
        planned = set(self.source.page_rows)
        if not self.home.capabilities.edges_at_workers:
            self.run.save_finding(ORPHANS, orphans_of(self.home.check_edges(self.run.id)))
        self._tell_if_long("all pages are written; now the index of memories and edges is made")
        orphans = self._orphans()
        if orphans and self.settings.on_orphan == "fail":
            raise IntegrityError(
                f"{sum(orphans.values()):,} edges have an end that is not there",
                why=", ".join(f"`{origin}`: {count:,}" for origin, count in orphans.items()),
                suggestion="repair the source and run again, or accept them; nothing was committed",
                example="--on-orphan report",
            )
        seal(self.run, receipts.values())
        self.run.commit_pages(planned)
        for name in replaced_runs(self.home, self.run):
            _log.info("run %s takes the place of run %s", self.run.id, name)
            self.home.undo(name)
        result = self.home.finalize()
        _log.info("generation %s serves %d memories", result.generation, sum(result.memories.values()))
        self._tidy(planned)
        return result.generation

    def _tidy(self, planned: Set[str]) -> None:
        """Removes what the committed run does not need, and what killed attempts left."""
        self.run.keep_only(planned)
        if self.settings.on_orphan != "quarantine":
            self.run.drop_orphans()

    def _orphans(self) -> Counter[str]:
        found = self.run.finding(ORPHANS) or {}
        return Counter({origin: check["orphans"] for origin, check in found.items() if check["orphans"]})

    def _tell_if_long(self, line: str) -> None:
        """Says what goes on where it takes minutes; the progress of pages has come to its end."""
        if self.source.rows >= _LONG:
            notice(line)

    def _check_disk(self, todo: Sequence[str]) -> None:
        rows = self.source.rows_of(todo)
        share = rows / max(1, self.source.rows)
        memories = self.source.memories_of(todo) + share * self.source.derived
        need = int(memories * RECORD_BYTES + share * self.source.bytes) + _SPARE_BYTES
        free = self.home.free_bytes()
        if need > free:
            raise PreflightError(
                f"the disk of `{self.settings.target}` is too small for this migration",
                why=f"{rows:,} records need about {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
                suggestion="free some room, or choose a target on a larger disk",
                example="--target /data/engram",
            )

    def _check_all_there(self, receipts: Receipts) -> None:
        missing = self.source.page_rows.keys() - receipts.keys()
        if missing:
            raise IntegrityError(
                f"{len(missing):,} pages were read and never acknowledged",
                why=f"the first is `{min(missing)}`",
                suggestion=AGAIN,
            )
        refused = sum(receipt.dead_letters for receipt in receipts.values())
        if refused > self.settings.max_dead_letters:
            raise self._too_many(refused)

    def _too_many(self, refused: int) -> DeadLetterLimitError:
        return DeadLetterLimitError(
            f"{refused:,} records were refused, and `--max-dead-letters` allows"
            f" {self.settings.max_dead_letters:,}",
            why=f"each stands with its reason under `{self.run.place('dead_letters')}`",
            suggestion="look at them, repair the source, and run again; or allow more",
            example=f"engram-migrate dead-letters --target {self.settings.target}",
        )
