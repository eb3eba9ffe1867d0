"""What is asked of a finished run: did everything arrive, and is everything accounted for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from engram_store.model import DIMENSION
from io_connectors.engram.home import RunHome, TargetRun
from pipelines.report import Check, Report

_MOST_DETAILS = 20
_UNIT = 1e-2
_SAMPLED_PAGES = 20


def checks_of(report: Report, home: RunHome, run: TargetRun) -> tuple[Check, ...]:
    """Counts, foreign keys and embeddings: source against ledger, and ledger against target."""
    return (
        _counts(report),
        _target_counts(report, home, run),
        _foreign_keys(report),
        _embeddings(report, run),
    )


def _counts(report: Report) -> Check:
    wrong = [
        f"{table}: {_accounted(count.source, count.written, count.dead_letters, count.expired)}"
        for table, count in report.tables.items()
        if count.unaccounted
    ]
    written = sum(count.written for count in report.tables.values())
    found = _accounted(report.records, written, report.dead_letters, report.expired)
    return _check("every record arrived, or is a dead letter", wrong, found)


def _accounted(source: int, written: int, refused: int, expired: int) -> str:
    left_out = f", {expired:,} expired" if expired else ""
    return f"{source:,} in the source, {written:,} written, {refused:,} refused{left_out}"


def _target_counts(report: Report, home: RunHome, run: TargetRun) -> Check:
    with home.reader() as reader:
        served = reader.run_counts(run.id)
    newer = "; a newer run's record of the same id counts instead" if len(home.runs()) > 1 else ""
    wrong = [
        f"{space}: {count:,} written, {served.get(space, 0):,} in the target"
        for space, count in report.spaces.items()
        if served.get(space, 0) != count
    ]
    total = sum(served.values())
    return _check(
        "every memory is in the target", wrong, f"{total:,} memories in {len(served):,} spaces{newer}"
    )


def _foreign_keys(report: Report) -> Check:
    wrong = [
        f"{origin}: {count.source:,} references, {count.written:,} edges"
        for origin, count in report.edges.items()
        # A refused record takes its references with it.
        if not 0 <= count.unaccounted <= report.dead_letters
    ]
    written = sum(count.written for count in report.edges.values())
    found = f"{written - report.orphans:,} edges committed, {report.orphans:,} orphans reported"
    return _check("every reference is an edge or a reported orphan", wrong, found)


def _embeddings(report: Report, run: TargetRun) -> Check:
    zeros, wrong, seen = 0, [], 0
    for page_id, ids, norms in _sampled_norms(run):
        seen += len(norms)
        zeros += int((norms == 0).sum())
        bad = (norms != 0) & ~(np.abs(norms - 1) <= _UNIT)
        wrong += [
            f"{ids[row].as_py()} (page {page_id}): norm {norms[row]:.4f}" for row in np.flatnonzero(bad)
        ]
    if zeros > report.embedding.zero_vectors:
        wrong.append(f"{zeros:,} zero vectors, and only {report.embedding.zero_vectors:,} empty records")
    return _check("embeddings are unit vectors", wrong, f"{seen:,} looked at, {zeros:,} empty")


def _sampled_norms(run: TargetRun) -> Iterator[tuple[str, pa.Array, np.ndarray]]:
    pages = sorted(run.page_ids())
    for page_id in pages[:: max(1, len(pages) // _SAMPLED_PAGES)]:
        batch = run.memories(page_id, ["id", "embedding"])
        field = batch.schema.field("embedding")
        data = b"".join(batch.column("embedding").to_pylist())
        vectors = np.frombuffer(data, dtype=field.metadata[b"dtype"].decode()).reshape(-1, DIMENSION)
        yield page_id, batch.column("id"), np.linalg.norm(vectors.astype(np.float32), axis=1)


def _check(name: str, wrong: list[str], found: str) -> Check:
    more = [f"… and {len(wrong) - _MOST_DETAILS:,} more"] if len(wrong) > _MOST_DETAILS else []
    return Check(name, not wrong, found, tuple(wrong[:_MOST_DETAILS] + more))
