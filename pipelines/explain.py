"""``engram-migrate explain``: one record from its row in the source to what the target gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engram_store.errors import ConfigurationError, IntegrityError
from io_connectors.engram.home import RunHome
from io_connectors.pages import MappedPage
from pipelines.again import kept
from pipelines.compared import Compared, compare, edge_line, edges_of
from pipelines.traced import Name, Place, find_letter, find_memory
from transforms.embedding.batch import embed_pages, text_of
from transforms.embedding.provider import embedder_of

if TYPE_CHECKING:
    from pipelines.planned import PlannedSource

_WIDTH = 400


@dataclass(frozen=True, slots=True)
class Reread:
    """A record, read and mapped again.

    Attributes:
        page: The page in which it was found.
        row: As the source gave it.
        mapped: What it became: a page of its own, embedded.
        at: Its memory's position there.
        text: What was embedded, or None.
    """

    page: str
    row: Any
    mapped: MappedPage
    at: int
    text: str | None


def explain(home: RunHome, record: str, run: str | None, flags: Sequence[str]) -> int:
    """Follows one record from the source to the target, and says what differs.

    Args:
        home: The target.
        record: A memory as ``space/id``, or a record of the source as ``table[key]``.
        run: The run, or None for all.
        flags: Settings that come on top of the run's own, such as a password.

    Returns:
        0 if the target gives back what the source holds, or if the record was refused and the
        reason is shown; the exit code of an integrity error if something differs.

    Raises:
        ConfigurationError: Neither a memory nor a dead letter is of that record.
        SourceError: The source cannot be read.
    """
    name = Name.parse(record)
    runs = [home.run(run).id] if run else home.runs()
    place = find_memory(home, runs, name)
    if place is None:
        return _explain_absence(home, runs, name)
    print(f"{place.space}/{place.id}")
    print(f"  source:  {place.kind} [{place.key}], {place.run.manifest.get('source_shown', '')}")
    with kept(place.run, home.address, flags) as opened:
        again = find_again(opened.source, place)
    if again is None:
        print("  ✗ the source does not have it any more: it was deleted, renamed, or has expired since")
        return IntegrityError.exit_code
    again = _embedded(again, place.run.model)
    print("\n".join(_mapped_lines(again, place.run.model)))
    with home.reader() as reader:
        found = compare(reader, place.run, again.mapped, again.at)
    print("\n".join(_compared_lines(found, place)))
    return IntegrityError.exit_code if found.differences else 0


def find_again(source: PlannedSource, place: Place) -> Reread | None:
    """Reads the page of a memory again and picks its record, or None if it is not there.

    A page that changed meanwhile has another name; then the pages that are new are looked through.
    """
    known = place.run.page_ids()
    pages = [place.page] if place.page in source.page_rows else []
    reading = source.read(pages or [page for page in source.page_rows if page not in known])
    for page in reading.pages():
        # The page as a whole tells at once whether it has the record, its rows which it is.
        if place.id not in reading.mapped(page).memories.ids:
            continue
        for row in page.rows:
            mapped = reading.mapped(replace(page, rows=(row,), dead_letters=(), gone=0))
            names = zip(mapped.memories.spaces, mapped.memories.ids, strict=True)
            at = next((at for at, found in enumerate(names) if found == (place.space, place.id)), None)
            if at is not None:
                return Reread(page.page_id, row, mapped, at, text_of(mapped.memories, at))
    return None


def _embedded(again: Reread, model: str) -> Reread:
    (mapped,) = embed_pages(embedder_of(model), [again.mapped])
    return replace(again, mapped=mapped)


def _explain_absence(home: RunHome, runs: Sequence[str], name: Name) -> int:
    found = find_letter(home, runs, name)
    if found is None:
        expired = sum(receipt.expired for run in runs for receipt in home.run(run).receipts())
        left_out = f"; {expired:,} records had expired and were left out" if expired else ""
        raise ConfigurationError(
            f"there is no memory of `{name}`, and no dead letter",
            why=f"no page of {len(runs)} runs has it{left_out}",
            suggestion="see how a record of its table is named, or migrate again if it is new",
            example=f"engram-migrate spaces --target {home.address}",
        )
    run, letter = found
    print(f"{name} was refused")
    print(f"  source:  {letter['kind']} [{letter['key']}]")
    print(f"  when:    in stage {letter['stage']} of run {run}, page {letter['page_id']}")
    print(f"  why:     {letter['reason']}")
    print(f"  try:     {letter['suggestion']}")
    print(f"  record:  {_short(letter['record'])}")
    return 0


def _mapped_lines(again: Reread, model: str) -> Iterator[str]:
    memories, at = again.mapped.memories, again.at
    yield f"  page:    {again.page}, read again"
    yield f"  row:     {_short(repr(tuple(again.row)))}"
    yield f"  content: {_short(memories.contents[at])}"
    yield (
        f"  mapped:  confidence {memories.confidence[at]:.2f}, activation {memories.activation[at]:.3f},"
        f" decaying by {memories.decay_rate[at]:g} an hour"
    )
    yield f"  text:    {_short(again.text or '(nothing to embed)')}"
    yield f"  model:   {model}"
    for edge in edges_of(again.mapped.edges, memories.spaces[at], memories.ids[at]):
        yield f"  edge:    {edge_line(edge)}"


def _compared_lines(found: Compared, place: Place) -> Iterator[str]:
    yield f"  target:  run {place.run.id}, page {place.page}"
    yield from (f"  ✗ {difference}" for difference in found.differences)
    if not found.differences:
        yield f"  ✓ the target gives back what the source holds, with {found.edges:,} edges"
    yield from (f"  orphan, not served: {orphan}" for orphan in found.orphans)


def _short(text: str) -> str:
    """A text in one line, without what would command a terminal."""
    plain = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))
    return plain if len(plain) <= _WIDTH else plain[: _WIDTH - 1] + "…"
