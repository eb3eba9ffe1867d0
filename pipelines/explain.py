"""``engram-migrate explain``: a record or an edge, from the source to what the target gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from engram_store.errors import ConfigurationError, IntegrityError
from io_connectors.engram.home import RunHome
from pipelines.again import kept
from pipelines.compared import Compared, compare
from pipelines.compared_edges import edge_line, edges_of
from pipelines.explain_edge import explain_edge
from pipelines.reread import Reread, memory_names, reread
from pipelines.terminal import say, shortened
from pipelines.traced import Name, Place, find_edge, find_letter, find_memory
from transforms.embedding.batch import embed_pages, text_of
from transforms.embedding.provider import embedder_of


def explain(home: RunHome, record: str, run: str | None, flags: Sequence[str]) -> int:
    """Follows one record or edge from the source to the target, and says what differs.

    Args:
        home: The target.
        record: A memory or an edge as ``space/id``, an edge as ``origin/id`` too, or a record of the
            source as ``table[key]``.
        run: The run, or None for all.
        flags: Settings that come on top of the run's own, such as a password.

    Returns:
        0 if the target gives back what the source holds, or if the record was refused and the
        reason is shown; the exit code of an integrity error if something differs.

    Raises:
        ConfigurationError: No memory, no edge and no dead letter is of that name.
        SourceError: The source cannot be read.
    """
    name = Name.parse(record)
    runs = [home.run(run).id] if run else _newest_first(home)
    if memory := find_memory(home, runs, name):
        return _explain_memory(home, memory, flags)
    if edge := find_edge(home, runs, name):
        return explain_edge(home, runs, edge, flags)
    return _explain_absence(home, runs, name)


def _newest_first(home: RunHome) -> list[str]:
    return sorted(home.runs(), key=lambda name: (home.run(name).started_at, name), reverse=True)


def _explain_memory(home: RunHome, place: Place, flags: Sequence[str]) -> int:
    shown = place.run.manifest.get("source_shown", "")
    say([f"{place.space}/{place.id}", f"  source:  {place.kind} [{place.key}], {shown}"])
    with kept(place.run, home.address, flags) as opened:
        again = reread(opened.source, place, memory_names)
    if again is None:
        say(["  ✗ the source does not have it any more: it was deleted, renamed, or has expired since"])
        return IntegrityError.exit_code
    again = _embedded(again, place.run.model)
    say(_mapped_lines(again, place.run.model))
    with home.reader() as reader:
        found = compare(reader, place.run, again.mapped, again.at)
    say(_compared_lines(found, place))
    return IntegrityError.exit_code if found.differences else 0


def _embedded(again: Reread, model: str) -> Reread:
    (mapped,) = embed_pages(embedder_of(model), [again.mapped])
    return replace(again, mapped=mapped)


def _explain_absence(home: RunHome, runs: Sequence[str], name: Name) -> int:
    found = find_letter(home, runs, name)
    if found is None:
        expired = sum(receipt.expired for run in runs for receipt in home.run(run).receipts())
        left_out = f"; {expired:,} records had expired and were left out" if expired else ""
        raise ConfigurationError(
            f"there is no memory or edge of `{name}`, and no dead letter",
            why=f"no page of {len(runs)} runs has it{left_out}",
            suggestion="see how a record of its table is named, or migrate again if it is new",
            example=f"engram-migrate spaces --target {home.address}",
        )
    run, letter = found
    say(
        (
            f"{name} was refused",
            f"  source:  {letter['kind']} [{letter['key']}]",
            f"  when:    in stage {letter['stage']} of run {run}, page {letter['page_id']}",
            f"  why:     {letter['reason']}",
            f"  try:     {letter['suggestion']}",
            f"  record:  {shortened(letter['record'])}",
        )
    )
    return 0


def _mapped_lines(again: Reread, model: str) -> Iterator[str]:
    memories, at = again.mapped.memories, again.at
    yield f"  page:    {again.page}, read again"
    yield f"  row:     {shortened(repr(tuple(again.row)))}"
    yield f"  content: {shortened(memories.contents[at])}"
    yield (
        f"  mapped:  confidence {memories.confidence[at]:.2f}, activation {memories.activation[at]:.3f},"
        f" decaying by {memories.decay_rate[at]:g} an hour"
    )
    yield f"  text:    {shortened(text_of(memories, at) or '(nothing to embed)')}"
    yield f"  model:   {model}"
    for edge in edges_of(again.mapped.edges, memories.spaces[at], memories.ids[at]):
        yield f"  edge:    {edge_line(edge)}"


def _compared_lines(found: Compared, place: Place) -> Iterator[str]:
    yield f"  target:  run {place.run.id}, page {place.page}"
    yield from (f"  ✗ {difference}" for difference in found.differences)
    if not found.differences:
        yield f"  ✓ the target gives back what the source holds, with {found.edges:,} edges"
    yield from (f"  orphan, not served: {orphan}" for orphan in found.orphans)
