"""A migration, whatever its source: run the pages that are not done, commit, check, report."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import apache_beam as beam
import orjson

from engram_store import files
from engram_store.errors import DeadLetterLimitError, IntegrityError, PreflightError
from engram_store.model import PageReceipt
from engram_store.run import Run
from engram_store.store import Store
from io_connectors.engram.targets import EmbeddedTargetSpec
from io_connectors.engram.write import WriteToEngram
from io_connectors.pages import MappedPage
from pipelines.beam_run import run_pipeline
from pipelines.progress import LedgerWatcher, State, shown_on
from pipelines.report import EdgeCount, Embedding, Report, TableCount
from pipelines.run_state import note_attempt, note_state
from pipelines.settings.model import Settings
from pipelines.validate import checks_of
from pipelines.watch import AGAIN, Watch
from transforms.embedding.embed import EmbedMemories
from transforms.embedding.provider import EmbeddingSpec, create_embedder
from transforms.validation.counts import COUNTS, CountRecords
from transforms.validation.orphans import ORPHANS, CheckEdges

#: Bytes on disk that one memory is reckoned to take, beside its content: vector, index, edges.
RECORD_BYTES = 2_400
_SPARE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """What a source hands over once it is planned.

    Attributes:
        system: ``postgresql``, ``neo4j`` or ``redis``.
        shown: Its address without secrets.
        snapshot: What names the state that is read.
        page_rows: Page id → records counted in the source.
        page_tables: Page id → the table, label or type of its records.
        spaces: Table, label or type → space.
        references: Origin → references counted in the source.
        not_followed: References that are left out, by name.
        bytes: Bytes that the records take in the source, to reckon the disk by.
        read: Page ids → a transform that reads and maps these pages.
    """

    system: str
    shown: str
    snapshot: str
    page_rows: Mapping[str, int]
    page_tables: Mapping[str, str]
    spaces: Mapping[str, str]
    references: Mapping[str, int]
    not_followed: tuple[str, ...]
    bytes: int
    read: Callable[[Sequence[str]], beam.PTransform[beam.pvalue.PBegin, beam.PCollection[MappedPage]]]

    @property
    def rows(self) -> int:
        """Records counted in the source."""
        return sum(self.page_rows.values())


@dataclass(frozen=True, slots=True)
class Migration:
    """One attempt at a run.

    Attributes:
        settings: The settings.
        beam_flags: Flags for Beam.
        store: The locked store.
        run: The run.
        source: The planned source.
    """

    settings: Settings
    beam_flags: tuple[str, ...]
    store: Store
    run: Run
    source: PlannedSource

    def go(self) -> Report:
        """Migrates all pages that have no receipt yet, commits, checks and reports.

        Returns:
            The report, also saved beside the run.

        Raises:
            MigrationError: Whatever stopped the run; the same command goes on from there.
        """
        begun = time.monotonic()
        planned = set(self.source.page_rows)
        done = self._done(planned)
        todo = [page_id for page_id in self.source.page_rows if page_id not in done]
        self._check_disk(todo)
        note_attempt(self.run, self.source.snapshot, "running")
        peak = self._run_pages(todo, done)
        self._check_all_there(planned)
        self._commit(planned)
        report = self._report(len_of(self.source, todo), time.monotonic() - begun, peak)
        files.write_bytes(
            self.run.path / "report.json", orjson.dumps(report.document(), option=orjson.OPT_INDENT_2)
        )
        note_state(self.run, "complete" if report.valid else "invalid")
        return report

    def _done(self, planned: set[str]) -> set[str]:
        done = self.run.page_ids() & planned
        if self.settings.replay:
            done -= {page_id for page_id in done if self.run.receipt(page_id).dead_letters}
        return done

    def _run_pages(self, todo: Sequence[str], done: set[str]) -> int:
        """Runs the pipeline; gives the most memory that was seen in use."""
        watch, shown = Watch(), shown_on()
        peak = 0

        def show(state: State) -> None:
            nonlocal peak
            peak = max(peak, state.memory)
            shown(state)
            if state.dead_letters > self.settings.max_dead_letters:
                watch.abort(self._too_many(state.dead_letters))

        self.run.plan_pages(set(self.source.page_rows))
        earlier = [self.run.receipt(page_id) for page_id in sorted(done)]
        try:
            with LedgerWatcher(self.run, self.source.page_rows, show):
                run_pipeline(
                    lambda pipeline: self._build(pipeline, todo, earlier),
                    self.settings.parallel_workers,
                    self.beam_flags,
                    watch,
                )
        finally:
            shown.close()
        return peak

    def _build(self, pipeline: beam.Pipeline, todo: Sequence[str], earlier: Sequence[PageReceipt]) -> None:
        """The way of the data, top to bottom."""
        settings = self.settings
        target = EmbeddedTargetSpec(str(self.store.path), self.run.id, settings.vector_type)
        embedding = EmbeddingSpec(settings.embedding_provider)
        written = (
            pipeline
            | "Read and map" >> self.source.read(todo)
            | "Embed" >> EmbedMemories(embedding, settings.embedding_batch_size)
            | "Write" >> WriteToEngram(target)
        )
        before = pipeline | "Earlier receipts" >> beam.Create(list(earlier), reshuffle=False)
        (written.receipts, before) | "All receipts" >> beam.Flatten() | "Count" >> CountRecords(target)
        written.edges | "Check edges" >> CheckEdges(target)

    def _commit(self, planned: set[str]) -> None:
        orphans = self._orphans()
        if orphans and self.settings.on_orphan == "fail":
            raise IntegrityError(
                f"{sum(orphans.values()):,} edges have an end that is not there",
                why=", ".join(f"`{origin}`: {count:,}" for origin, count in orphans.items()),
                suggestion="repair the source and run again, or accept them; nothing was committed",
                example="--on-orphan report",
            )
        self.run.commit_pages(planned)
        self.store.finalize()
        self.run.keep_only(planned)
        if self.settings.on_orphan != "quarantine":
            self.run.orphans_path.unlink(missing_ok=True)

    def _orphans(self) -> Counter[str]:
        found = self._finding(ORPHANS) or {}
        return Counter({origin: check["orphans"] for origin, check in found.items() if check["orphans"]})

    def _finding(self, name: str) -> dict[str, dict[str, int]] | None:
        target = EmbeddedTargetSpec(str(self.store.path), self.run.id).open()
        found: dict[str, dict[str, int]] | None = target.finding(name)
        return found

    def _check_disk(self, todo: Sequence[str]) -> None:
        rows = len_of(self.source, todo)
        share = rows / max(1, self.source.rows)
        need = int(rows * RECORD_BYTES + share * self.source.bytes) + _SPARE_BYTES
        free = shutil.disk_usage(self.store.path).free
        if need > free:
            raise PreflightError(
                f"the disk of `{self.settings.target}` is too small for this migration",
                why=f"{rows:,} records need about {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
                suggestion="free some room, or choose a target on a larger disk",
                example="--target /data/engram",
            )

    def _check_all_there(self, planned: set[str]) -> None:
        missing = planned - self.run.page_ids()
        if missing:
            raise IntegrityError(
                f"{len(missing):,} pages were read and never acknowledged",
                why=f"the first is `{min(missing)}`",
                suggestion=AGAIN,
            )
        refused = sum(receipt.dead_letters for receipt in self.run.receipts() if receipt.page_id in planned)
        if refused > self.settings.max_dead_letters:
            raise self._too_many(refused)

    def _too_many(self, refused: int) -> DeadLetterLimitError:
        return DeadLetterLimitError(
            f"{refused:,} records were refused, and `--max-dead-letters` allows"
            f" {self.settings.max_dead_letters:,}",
            why=f"each stands with its reason under `{self.run.path / 'dead_letters'}`",
            suggestion="look at them, repair the source, and run again; or allow more",
            example=f"engram-migrate dead-letters --target {self.settings.target}",
        )

    def _report(self, new_records: int, seconds: float, peak: int) -> Report:
        source, planned = self.source, set(self.source.page_rows)
        receipts = [receipt for receipt in self.run.receipts() if receipt.page_id in planned]
        spec = EmbeddingSpec(self.settings.embedding_provider)
        embedder = create_embedder(spec)
        manifest = self.run.manifest
        counts = self._finding(COUNTS) or {}
        written = counts.get("memories", {})
        report = Report(
            run=self.run.id,
            system=source.system,
            source=source.shown,
            target=self.settings.target,
            attempts=tuple(manifest["attempts"]),
            seconds=seconds,
            records=source.rows,
            new_records=new_records,
            tables=_tables(source, receipts),
            spaces={s: n for s in dict.fromkeys(source.spaces.values()) if (n := written.get(s, 0))},
            edges=_edges(source, counts.get("edges", {}), self._finding(ORPHANS) or {}),
            not_followed=source.not_followed,
            dead_letters=sum(receipt.dead_letters for receipt in receipts),
            omitted_times=sum(receipt.omitted_times for receipt in receipts),
            embedding=Embedding(
                model=manifest["model"],
                semantic=embedder.semantic,
                description=embedder.description,
                texts=sum(receipt.texts[0] for receipt in receipts),
                distinct=sum(receipt.texts[1] for receipt in receipts),
                low_confidence=sum(receipt.low_confidence for receipt in receipts),
                zero_vectors=sum(receipt.zero_vectors for receipt in receipts),
            ),
            bytes=sum(receipt.bytes for receipt in receipts),
            peak_memory=peak,
        )
        if not self.settings.validate:
            return report
        return replace(report, checks=checks_of(report, self.store, self.run))


def len_of(source: PlannedSource, pages: Sequence[str]) -> int:
    """Records in some of the source's pages."""
    return sum(source.page_rows[page_id] for page_id in pages)


def report_path(run: Run) -> Path:
    """Where a run's report is."""
    return run.path / "report.json"


def _tables(source: PlannedSource, receipts: Sequence[PageReceipt]) -> dict[str, TableCount]:
    rows: Counter[str] = Counter()
    memories: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for receipt in receipts:
        table = source.page_tables[receipt.page_id]
        rows[table] += source.page_rows[receipt.page_id]
        memories[table] += sum(receipt.memories.values())
        refused[table] += receipt.dead_letters
    return {
        table: TableCount(space, rows[table], memories[table], refused[table])
        for table, space in source.spaces.items()
    }


def _edges(
    source: PlannedSource, written: Mapping[str, int], orphans: Mapping[str, Mapping[str, object]]
) -> dict[str, EdgeCount]:
    counts = {}
    for origin, references in source.references.items():
        found: Mapping[str, object] = orphans.get(origin, {})
        samples = found.get("samples", ())
        assert isinstance(samples, (list, tuple))
        lost = found.get("orphans", 0)
        assert isinstance(lost, int)
        counts[origin] = EdgeCount(references, written.get(origin, 0), lost, tuple(samples))
    return counts
