"""The one report object: what a run was, what it moved, and whether all of it arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.reporting.distributions import Distributions

#: Raised when a field changes its meaning or goes; see docs/report.schema.json.
REPORT_VERSION = 2
_DETAILS_SHOWN = 20
#: The finding that keeps it beside its run.
REPORT = "report"


@dataclass(frozen=True, slots=True)
class Check:
    """One question asked of the result.

    Attributes:
        name: What was asked.
        passed: The answer.
        found: The figures, in words.
        details: Names of what differs, at most a thousand.
    """

    name: str
    passed: bool
    found: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableCount:
    """Records of one table, or another group in which a source counts.

    Attributes:
        space: The space of its memories; empty where they go to several, or become edges.
        source: Records in the source.
        source_after: Records in the source after reading; another number only where it has no
            snapshots and was changed meanwhile.
        written: Records that arrived, as memories or as edges.
        dead_letters: Records that were refused.
        expired: Records that were left out because their time to live was over.
        unaccounted: Records of pages that did not change meanwhile which neither arrived nor were
            refused nor had expired, and records that arrived there without being in the source.
    """

    space: str
    source: int
    source_after: int
    written: int
    dead_letters: int
    expired: int
    unaccounted: int


@dataclass(frozen=True, slots=True)
class EdgeCount:
    """Edges of one origin.

    Attributes:
        source: References in the source.
        source_after: References in the source after reading; see ``TableCount``.
        written: Edges written.
        unaccounted: References of pages that did not change meanwhile, less their edges.
        orphans: Those whose other end is missing; they are not committed.
        samples: Up to five orphans.
    """

    source: int
    source_after: int
    written: int
    unaccounted: int
    orphans: int
    samples: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Embedding:
    """What embedding came to.

    Attributes:
        model: The identity of what made the vectors.
        semantic: Whether texts of one meaning without shared words come out near each other.
        description: What the vectors can find, in a sentence.
        texts: Texts that were asked for.
        distinct: Those of them that were not asked for before within their batch.
        low_confidence: Records without text, embedded by their JSON.
        zero_vectors: Records with nothing to embed.
        computed: Texts that a costly model computed, the rest being found in its cache.
        tokens: Tokens that its server counted.
        cost: What they cost at ``--embedding-price``, in US dollars.
    """

    model: str
    semantic: bool
    description: str
    texts: int
    distinct: int
    low_confidence: int
    zero_vectors: int
    computed: int = 0
    tokens: int = 0
    cost: float = 0.0

    @property
    def hit_rate(self) -> float:
        """Share of texts that were embedded already within their batch."""
        return 1.0 - self.distinct / self.texts if self.texts else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to say about a run.

    Attributes:
        run: The run's name.
        system: The source's system.
        source: The source's address without secrets.
        target: How ``--target`` named it.
        attempts: The attempts that read pages: the snapshot's ``name``, if there is one, and ``at``.
        seconds: From the first page of the last attempt to its commit.
        records: Records in the source.
        new_records: Records read in the last attempt.
        tables: Records by table, or another group in which the source counts.
        spaces: Memories by space.
        edges: Edges by origin: a foreign key, a relationship type.
        not_followed: References that were left out, by name.
        dead_letters: Records that were refused.
        omitted_times: Records whose time RFC 3339 cannot say; kept without ``created_at``.
        embedding: What embedding came to.
        bytes: Bytes written.
        peak_memory: The most resident bytes seen, of all processes together.
        expired: Records left out because their time to live was over.
        changes: How the source changed while it was read, in words.
        notes: What is not migrated, was lost or was taken for granted, in sentences.
        checks: What was asked of the result.
        distributions: What the pictures show.
    """

    run: str
    system: str
    source: str
    target: str
    attempts: tuple[Mapping[str, str], ...]
    seconds: float
    records: int
    new_records: int
    tables: Mapping[str, TableCount]
    spaces: Mapping[str, int]
    edges: Mapping[str, EdgeCount]
    not_followed: tuple[str, ...]
    dead_letters: int
    omitted_times: int
    embedding: Embedding
    bytes: int
    peak_memory: int
    expired: int = 0
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = field(default=())
    distributions: Distributions = field(default_factory=Distributions)

    @property
    def valid(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def orphans(self) -> int:
        """Edges whose other end is missing."""
        return sum(edge.orphans for edge in self.edges.values())

    @property
    def has_snapshots(self) -> bool:
        """Whether the source was read in snapshots."""
        return any(attempt["name"] for attempt in self.attempts)

    def document(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        embedding = {**asdict(self.embedding), "hit_rate": self.embedding.hit_rate}
        derived = {"version": REPORT_VERSION, "valid": self.valid, "orphans": self.orphans}
        return {**derived, **asdict(self), "embedding": embedding}

    def lines(self) -> list[str]:
        """The report as a person reads it at the end of a run."""
        rate = self.new_records / self.seconds if self.seconds else 0.0
        e = self.embedding
        lines = [
            f"Run {self.run}: {self.source} → {self.target}",
            f"  {self.records:,} records, {self.new_records:,} of them in this attempt:"
            f" {self.seconds:,.1f} s, {rate:,.0f}/s, {self.peak_memory / 2**20:,.0f} MB memory",
            f"  {self.bytes / 2**20:,.1f} MB written",
            f"  embedded by {e.model}: {e.texts:,} texts, {e.hit_rate:.1%} repeated;"
            f" {e.low_confidence:,} without text (LOW), {e.zero_vectors:,} empty",
        ]
        if e.semantic:
            paid = f", {e.tokens:,} tokens" if e.tokens else ""
            price = f", {e.cost:,.2f} $" if e.cost else ""
            lines.append(f"  the model computed {e.computed:,} texts{paid}{price}; the others were known")
        else:
            lines.append(f"  note: {e.description}")
        if len(self.attempts) > 1:
            lines.append(f"  read in {len(self.attempts)} attempts; {_BETWEEN[self.has_snapshots]}")
        lines += [f"  the source changed while it was read: {change}" for change in self.changes]
        lines += [f"  {note}" for note in self.notes]
        if self.omitted_times:
            lines.append(f"  {self.omitted_times:,} times beyond RFC 3339 were left out of created_at")
        if self.expired:
            lines.append(f"  {self.expired:,} records had expired and were left out")
        lines += ["", *_table("space", ("memories",), {s: (n,) for s, n in self.spaces.items()})]
        if self.edges:
            rows = {o: (c.source, c.written, c.orphans) for o, c in self.edges.items()}
            lines += ["", *_table("edges of", ("in source", "edges", "orphans"), rows)]
        lines += [f"  not followed (parent left out): {name}" for name in self.not_followed]
        lines += _orphan_lines(self.edges)
        if self.dead_letters:
            lines += [
                "",
                f"  {self.dead_letters:,} records were refused; see them by `engram-migrate dead-letters`",
            ]
        lines.append("")
        lines += [line for check in self.checks for line in check_lines(check)]
        return lines


_BETWEEN = {
    True: "what changed in between was read again",
    False: "records that came or went in between were read again, other changes were not seen",
}


def _table(title: str, columns: tuple[str, ...], rows: Mapping[str, tuple[int, ...]]) -> list[str]:
    width = max([len(title), *map(len, rows)])
    lines = [f"  {title:<{width}}" + "".join(f"{column:>13}" for column in columns)]
    for name, counts in rows.items():
        lines.append(f"  {name:<{width}}" + "".join(f"{n:>13,}" for n in counts))
    return lines


def _orphan_lines(edges: Mapping[str, EdgeCount]) -> list[str]:
    lines = []
    for origin, count in edges.items():
        for sample in count.samples[:3]:
            target = sample["target"] or "a record that is not there"
            lines.append(f"  orphan of {origin}: {sample['source']} → {target}")
    return lines


def check_lines(check: Check) -> list[str]:
    """A check as a person reads it."""
    mark = "✓" if check.passed else "✗"
    shown = [f"      {detail}" for detail in check.details[:_DETAILS_SHOWN]]
    if len(check.details) > _DETAILS_SHOWN:
        shown.append(f"      … and {len(check.details) - _DETAILS_SHOWN:,} more")
    return [f"  {mark} {check.name}: {check.found}", *shown]
