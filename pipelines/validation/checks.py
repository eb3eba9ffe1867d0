"""The questions that are asked of a run. A further one is a function more in ``CHECKS``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pipelines.report import Check
from pipelines.validation.evidence import Evidence

_MOST_DETAILS = 1_000
#: The share of samples that must be as the source has them.
_EQUAL = 0.99
#: How far from 1 the lengths of vectors may be on average.
_DEVIATION = 0.1


def arrived(evidence: Evidence) -> Check | None:
    """Source against ledger: every record is a memory, an edge, a dead letter, or had expired."""
    report = evidence.report
    if report is None:
        return None
    wrong = [
        f"{table}: {_accounted(count.source, count.written, count.dead_letters, count.expired)}"
        for table, count in report.tables.items()
        if count.unaccounted
    ]
    passed = all(c.unaccounted <= evidence.max_loss * c.source for c in report.tables.values())
    written = sum(count.written for count in report.tables.values())
    counted = sum(count.source for count in report.tables.values())
    found = _accounted(counted, written, report.dead_letters, report.expired)
    return _check("every record arrived, or is a dead letter", passed, wrong, found)


def in_target(evidence: Evidence) -> Check:
    """Ledger against target: every memory that was acknowledged is served, in its space."""
    written: Counter[str] = Counter()
    for receipt in evidence.ledger.receipts.values():
        written.update(receipt.memories)
    served, replaced = evidence.served.spaces(evidence.run), evidence.compared.superseded
    lost = {s: n - replaced[s] - served[s] for s, n in written.items() if n - replaced[s] != served[s]}
    wrong = [f"{s}: {written[s] - replaced[s]:,} written, {served[s]:,} in the target" for s in lost]
    wrong += [f"{s}: {n:,} in the target, none written" for s, n in served.items() if s not in written]
    passed = not evidence.miscounted and not any(s not in written for s in served)
    passed = passed and all(abs(n) <= evidence.max_loss * written[s] for s, n in lost.items())
    found = f"{served.total():,} memories in {len(served):,} spaces"
    if replaced:
        found += f"; {replaced.total():,} more are replaced by those of newer runs"
    return _check("every memory is in the target", passed, [*wrong, *evidence.miscounted], found)


def references(evidence: Evidence) -> Check:
    """Every foreign key is accounted for, and no edge leads nowhere but the reported ones."""
    report, compared = evidence.report, evidence.compared
    wrong = [
        f"{origin}: {count.source:,} references, {count.written:,} edges"
        for origin, count in (report.edges.items() if report else ())
        # A refused record takes its references with it.
        if report and not 0 <= count.unaccounted <= report.dead_letters
    ]
    wrong += [f"{edge}: an end is not there" for edge in evidence.served.dangling]
    for origin, count in compared.orphans.items():
        reported = evidence.reported_orphans.get(origin, 0)
        if count > reported:
            wrong.append(f"{origin}: {count:,} orphans, and {reported:,} were reported")
            wrong += compared.orphan_names[origin]
    orphans = sum(evidence.reported_orphans.values())
    written = sum(sum(receipt.edges.values()) for receipt in evidence.ledger.receipts.values())
    found = f"{written - orphans:,} edges committed, {orphans:,} orphans reported"
    return _check("every reference is an edge or a reported orphan", not wrong, wrong, found)


def receipts(evidence: Evidence) -> Check:
    """What is served is what was acknowledged, page by page, over all fields of all records."""
    wrong = [*evidence.ledger.wrong, *evidence.compared.wrong]
    wrong += evidence.source.wrong if evidence.source else []
    wrong += [f"the index is damaged: {fault}" for fault in evidence.faults]
    wrong += _of_the_run(evidence)
    old = evidence.ledger.unverifiable
    named = [f"page {page} is of an earlier version: it has no digests to compare" for page in old]
    pages = len(evidence.ledger.digests)
    found = f"{pages - len(old):,} of {pages:,} pages compared over all fields"
    return _check("every page is served as it was acknowledged", not wrong, [*wrong, *named], found)


def embeddings(evidence: Evidence) -> Check:
    """Every vector has length 1, but for the counted ones that are zero."""
    vectors = evidence.served.vectors
    wrong = list(vectors.unsound)
    for page, (count, names) in vectors.zeros.items():
        receipt = evidence.ledger.receipts.get(page)
        counted = receipt.zero_vectors if receipt else 0
        if count > counted:
            wrong.append(f"page {page}: {count:,} zero vectors, and only {counted:,} empty records")
            wrong += [f"{name}: zero" for name in names]
    if vectors.mean_deviation >= _DEVIATION:
        wrong.append(f"lengths are {vectors.mean_deviation:.3f} from 1 on average")
    found = f"{vectors.seen:,} looked at, {vectors.zero:,} empty"
    return _check("embeddings are unit vectors", not wrong, wrong, found)


def samples(evidence: Evidence) -> Check | None:
    """Records that were read again from the source, mapped and embedded, are served as they are there."""
    source = evidence.source
    if source is None:
        return None
    equal = source.sampled - source.differing
    passed = equal >= _EQUAL * source.sampled
    found = f"{equal:,} of {source.sampled:,} sampled memories and edges are equal (seed {source.seed})"
    if source.changed:
        found += f"; {source.changed:,} pages changed in the source since"
    if source.differing and not evidence.has_snapshots and not evidence.compared.wrong:
        # They are served as they were acknowledged: that they were read so once is proved.
        passed = True
        found += "; the source has no snapshots: what changed in it since differs, too"
    return _check("samples are as the source has them", passed, source.sample_lines, found)


#: In the order in which they are reported.
CHECKS: tuple[Callable[[Evidence], Check | None], ...] = (
    arrived,
    in_target,
    references,
    embeddings,
    receipts,
    samples,
)


def checks_of(evidence: Evidence) -> tuple[Check, ...]:
    """Asks all questions that the evidence can answer."""
    return tuple(check for ask in CHECKS if (check := ask(evidence)) is not None)


def _of_the_run(evidence: Evidence) -> list[str]:
    """What the index says of the run as a whole: its model, and since when activations fade."""
    model, started_at = evidence.served.runs.get(evidence.run, (None, None))
    wrong = []
    if model is not None and model != evidence.manifest.get("model", ""):
        wrong.append(
            f"run {evidence.run}: its model is {evidence.manifest.get('model')}, the index says {model}"
        )
    if started_at is not None and started_at != evidence.started_at:
        wrong.append(
            f"run {evidence.run}: by the index it started at {started_at}, not {evidence.started_at}"
        )
    return wrong


def _accounted(source: int, written: int, refused: int, expired: int) -> str:
    left_out = f", {expired:,} expired" if expired else ""
    return f"{source:,} in the source, {written:,} written, {refused:,} refused{left_out}"


def _check(name: str, passed: bool, details: Sequence[str], found: str) -> Check:
    more = [f"… and {len(details) - _MOST_DETAILS:,} more"] if len(details) > _MOST_DETAILS else []
    return Check(name, passed, found, (*details[:_MOST_DETAILS], *more))
