"""The plan of a migration, as ``--dry-run`` shows it. Nothing is written."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from io_connectors.pages import MappedPage
from pipelines.embedding import TOKENS_PRICED, embedder_for, embedding_of
from pipelines.progress import clock
from pipelines.settings.model import Settings
from pipelines.terminal import shortened
from transforms.embedding.batch import embed_pages
from transforms.embedding.provider import Embedder, EmbeddingSpec

#: Records of each table that are read, mapped and embedded to tell what to expect.
SAMPLE_RECORDS = 1000
_SHOWN = 2
_WIDTH = 100

# What the sample cannot show, measured by benchmarks/pipeline.py: writing and finalizing a
# record, in CPU seconds; what a process takes before its first page, in bytes.
_WRITE_AND_FINALIZE = 40e-6
_PROCESS_BYTES = 220 * 2**20
_START_SECONDS = 4.0
_VECTOR_AND_INDEX_BYTES = 2_000
_EDGE_BYTES = 250
#: Bytes of a token of English, about; other languages have shorter ones.
_TOKEN_BYTES = 4
#: Records by which a costly model is timed.
_COSTLY_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """One table, label or type of the plan.

    Attributes:
        name: Its name in the source.
        space: The space its records go to; empty where they become edges.
        rows: Records counted.
        key: What identifies a record; empty means its hash.
        text: What is embedded; empty means its JSON.
        time: The column for ``created_at``, or empty.
        comment: What the source says about it, or empty.
        sample: Its first records, mapped.
        read_seconds: CPU seconds that reading and mapping the sample took.
    """

    name: str
    space: str
    rows: int
    key: tuple[str, ...]
    text: tuple[str, ...]
    time: str
    comment: str
    sample: MappedPage | None
    read_seconds: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the samples let us expect of the whole, weighted by the tables' sizes.

    Attributes:
        text_share: Share of records that have text.
        distinct_share: Share of distinct texts among these.
        seconds: Time of the whole, without that of a server that embeds.
        memory: Bytes.
        disk: Bytes.
        tokens: Tokens that a server would be paid for; 0 where none embeds.
        cost: Their price at ``--embedding-price``, in US dollars.
    """

    text_share: float
    distinct_share: float
    seconds: float
    memory: int
    disk: int
    tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan for people.

    Attributes:
        source: The source's address without secrets.
        target: Where it would go.
        tables: In the order in which they would be read.
        pages: Pages that they were cut into.
        cycles: Groups of tables that refer to each other in a circle.
        references: Origin → references counted.
        not_followed: References left out because their parent is.
        model: What would embed, and how honest that is.
        expected: What to expect.
        notes: What is not migrated, was lost or was taken for granted, in sentences.
    """

    source: str
    target: str
    tables: tuple[PlannedTable, ...]
    pages: int
    cycles: tuple[tuple[str, ...], ...]
    references: Mapping[str, int]
    not_followed: tuple[str, ...]
    model: str
    expected: Expectation
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The plan as text."""
        rows = sum(table.rows for table in self.tables)
        return [
            f"Plan: {self.source} → {self.target} (nothing is written)",
            "",
            *_table_lines(self.tables),
            *(
                f"  circle: {' ↔ '.join(cycle)} (edges are committed when both ends are there)"
                for cycle in self.cycles
            ),
            "",
            f"  {rows:,} records in {self.pages:,} pages",
            f"  {sum(self.references.values()):,} edges of {len(self.references)} kinds",
            *(f"    {count:>12,}  {origin}" for origin, count in self.references.items()),
            *(f"  not followed (parent left out): {name}" for name in self.not_followed),
            *(f"  {note}" for note in self.notes),
            "",
            *_sample_lines(self.tables),
            f"  embedding: {self.model}",
            *_expectation_lines(self.expected, rows),
        ]


def expect(settings: Settings, tables: Sequence[PlannedTable], references: int) -> Expectation:
    """Embeds the samples, but for a server that wants to be paid, and reckons what the whole will take.

    Args:
        settings: The settings.
        tables: The plan's tables with their samples.
        references: Edges to come.
    """
    spec = embedding_of(settings)
    embedder = embedder_for(settings)
    token_bytes = 0.0
    memories = float(sum(table.rows for table in tables if table.space))
    with_text = distinct = cpu = content = 0.0
    for table in tables:
        if table.sample is None:
            continue
        page, n = table.sample, len(table.sample)
        if not n:
            cpu += table.rows * table.read_seconds / max(1, len(page.edges))
            continue
        each = table.read_seconds / n + _seconds_a_record(spec, embedder, page)
        expected = table.rows * n / max(1, n - page.derived)
        memories += expected - table.rows
        texts = [text for text in page.memories.texts if text and text.strip()]
        with_text += expected * len(texts) / n
        distinct += expected * len(set(texts)) / n
        token_bytes += expected * sum(len(text.encode()) for text in set(texts)) / n
        cpu += expected * each
        content += expected * sum(map(len, page.memories.contents)) / n
    workers = min(settings.parallel_workers, os.cpu_count() or 1)
    tokens = int(token_bytes / _TOKEN_BYTES) if spec.provider == "openai" else 0
    return Expectation(
        text_share=with_text / memories if memories else 0.0,
        distinct_share=distinct / with_text if with_text else 0.0,
        seconds=_START_SECONDS + cpu / workers + memories * _WRITE_AND_FINALIZE,
        memory=(workers + (workers > 1)) * _PROCESS_BYTES,
        disk=int(memories * _VECTOR_AND_INDEX_BYTES + 1.5 * content + references * _EDGE_BYTES),
        tokens=tokens,
        cost=tokens * settings.embedding_price / TOKENS_PRICED,
    )


def _seconds_a_record(spec: EmbeddingSpec, embedder: Embedder, page: MappedPage) -> float:
    """Processor time of embedding, by this machine; a server's is its own."""
    if spec.provider == "openai":
        return 0.0
    tried = page if spec.provider == "local" else page.first(_COSTLY_SAMPLE)
    begun = time.process_time()
    list(embed_pages(embedder, [tried]))
    return (time.process_time() - begun) / len(tried)


def _table_lines(tables: Sequence[PlannedTable]) -> list[str]:
    width = max(map(len, ("table", *(table.name for table in tables))))
    space = max(map(len, ("space", *(table.space for table in tables))))
    lines = [f"  {'table':<{width}}  {'space':<{space}}  {'rows':>12}  key · text · time"]
    for t in tables:
        key = ",".join(t.key) or "hash of the row"
        text = shortened(",".join(t.text), 40) or ("its JSON" if t.space else "–")
        how = f"{key} · {text} · {t.time or '–'}"
        lines.append(f"  {t.name:<{width}}  {t.space or 'edges':<{space}}  {t.rows:>12,}  {how}")
        if t.comment:
            lines.append(f"  {'':<{width}}  {shortened(t.comment, _WIDTH)}")
    return lines


def _sample_lines(tables: Sequence[PlannedTable]) -> list[str]:
    lines = []
    for table in tables:
        if table.sample is None:
            continue
        memories, edges = table.sample.memories, table.sample.edges
        for row in range(min(_SHOWN, len(memories))):
            lines += [
                f"  {table.name} [{memories.keys[row]}]  {shortened(memories.contents[row], _WIDTH)}",
                f"    → {memories.spaces[row]}/{memories.ids[row]}",
                f"      text: {shortened(memories.texts[row] or '(its JSON, at LOW confidence)', _WIDTH)}",
            ]
            lines += [
                f"      edge: {edges.types[i]} → {edges.targets[i]}"
                for i, source in enumerate(edges.sources)
                if source == memories.ids[row]
            ]
        if not table.space:
            lines += [
                f"  {table.name}  {edges.sources[i]} → {edges.targets[i]}, weight {edges.weights[i]:.2f}"
                f"  {shortened(edges.properties[i] or '', _WIDTH)}"
                for i in range(min(_SHOWN, len(edges)))
            ]
    return [*lines, ""]


def _expectation_lines(expected: Expectation, rows: int) -> list[str]:
    cost = f", {expected.cost:,.2f} $" if expected.cost else ""
    paid = f"  about {expected.tokens:,} tokens are to be embedded{cost}, without what the cache holds"
    return [
        *([paid] if expected.tokens else []),
        f"  {expected.text_share:.0%} of records have text, {expected.distinct_share:.0%} of the texts"
        f" are distinct (by {SAMPLE_RECORDS:,} records a table)",
        f"  expected for {rows:,} records: about {clock(expected.seconds)},"
        f" {expected.memory / 2**20:,.0f} MB memory, {expected.disk / 1e6:,.0f} MB disk",
    ]
