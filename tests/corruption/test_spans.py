"""What several processes see of a store, put together, is what one of them sees; damaged or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engram_store.errors import IntegrityError
from engram_store.parts import Parts
from engram_store.store import Store
from tests.corruption.damage import Damage
from tests.corruption.in_index import IN_INDEX
from tests.corruption.made import RUN
from transforms.validation.look import keep_seen, seen_in
from transforms.validation.served import Served, look, look_at

UNDAMAGED = Damage("nothing", lambda store: None, ())


@pytest.mark.parametrize("spans", [1, 3, 1_000])
@pytest.mark.parametrize("damage", [UNDAMAGED, *IN_INDEX], ids=lambda damage: damage.name)
def test_spans_show_what_one_look_shows(damage: Damage, spans: int, store: Path, tmp_path: Path) -> None:
    damage.do(store)
    alone = _seen(store, lambda parts: look(parts, RUN))
    assert alone == _seen(store, lambda parts: _in_spans(parts, spans, tmp_path))


def test_spans_hold_each_part_once(store: Path) -> None:
    with Store.open(store).reader() as reader:
        parts = reader.parts()
        cut = parts.spans(3)
        assert len(cut) == 6
        for kind, all_parts in (("memories", parts.memories()), ("edges", parts.edges())):
            numbers = [n for span in cut if span.kind == kind for n in range(span.start, span.stop)]
            assert numbers == [*range(len(numbers))]
            assert {part.number for part in all_parts} <= set(numbers)


def _seen(store: Path, looking: Callable[[Parts], Served]) -> Served | str:
    try:
        with Store.open(store).reader() as reader:
            found = looking(reader.parts())
    except IntegrityError as error:
        return error.what
    # A sum of parts of a sum is rounded otherwise.
    vectors = replace(found.vectors, deviation=round(found.vectors.deviation, 9))
    return replace(found, vectors=vectors)


def _in_spans(parts: Parts, count: int, folder: Path) -> Served:
    spans = parts.spans(count)
    for number, span in enumerate(spans):
        keep_seen(folder, number, look_at(parts, span, RUN))
    return seen_in(folder, len(spans), parts, RUN)
