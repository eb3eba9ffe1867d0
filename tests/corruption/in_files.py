"""Damages of the files of a run: its pages, its lists, its manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engram_store.store import Store
from tests.corruption.damage import (
    EDGE,
    MEMORY,
    NEXT,
    ROW,
    Damage,
    Row,
    file,
    forged_edges,
    json,
    rows,
    run_of,
    vectors,
)
from tests.corruption.made import OLDER, RUN

_OTHER = {"system": "postgresql", "kind": "public.users", "key": "9999"}


def _without_page(store: Path) -> None:
    run_of(store).memories_path("p2").unlink()


def _without_edges(store: Path) -> None:
    run_of(store).edges_path("p2").unlink()


def _other_runs_page(store: Path) -> None:
    other = Store.open(store).run(OLDER)
    shutil.copyfile(other.memories_path("p2"), run_of(store).memories_path("p2"))
    Store.open(store).finalize()


def _pages_exchanged(store: Path) -> None:
    one, other = (run_of(store).memories_path(page) for page in ("p2", "p4"))
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def _page_added(store: Path) -> None:
    shutil.copyfile(run_of(store).memories_path("p2"), run_of(store).memories_path("p9"))


def _zero(table: Any) -> None:
    table[ROW] = 0


def _not_a_number(table: Any) -> None:
    table[ROW, 100] = np.nan


def _infinite(table: Any) -> None:
    table[ROW, 100] = np.inf


def _longer(table: Any) -> None:
    table[ROW] = table[ROW] * 3


def _swapped(table: Any) -> None:
    table[[ROW, ROW + 1]] = table[[ROW + 1, ROW]]


def _one_bit(table: Any) -> None:
    table.view(np.uint16)[ROW, 300] ^= 1


def _negated(table: Any) -> None:
    table[ROW] = -table[ROW]


def _swap_contents(records: list[Row]) -> None:
    one, other = records[ROW], records[ROW + 1]
    one["content"], other["content"] = other["content"], one["content"]


def _swap_vectors(records: list[Row]) -> None:
    one, other = records[ROW], records[ROW + 1]
    one["embedding"], other["embedding"] = other["embedding"], one["embedding"]


def _set(**values: Any) -> Callable[[list[Row]], None]:
    return lambda records: records[ROW].update(values)


IN_FILES = (
    Damage("a zero vector", vectors(_zero), (MEMORY,)),
    Damage("a vector with what is no number", vectors(_not_a_number), (MEMORY,)),
    Damage("a vector with an infinite number", vectors(_infinite), (MEMORY,)),
    Damage("a vector that is too long", vectors(_longer), (MEMORY,)),
    Damage("two vectors swapped", vectors(_swapped), (MEMORY, NEXT)),
    Damage("one bit of a vector", vectors(_one_bit), (MEMORY,)),
    Damage("a vector negated", vectors(_negated), (MEMORY,)),
    Damage("content altered", rows(_set(content="{}")), (MEMORY, "content")),
    Damage("content cut off", rows(_set(content='{"id":85,"na')), (MEMORY, "content")),
    Damage("a wrong id", rows(_set(id="users_x")), (MEMORY, "users_x")),
    Damage("a wrong space", rows(_set(space="posts"), finalized=False), ("p2", MEMORY)),
    Damage("a wrong confidence", rows(_set(confidence=0.1)), (MEMORY, "confidence")),
    Damage("a wrong activation", rows(_set(activation=0.0)), (MEMORY, "activation")),
    Damage("a wrong time to live", rows(_set(decay_rate=7.0)), (MEMORY, "decay_rate")),
    Damage("a time gone", rows(lambda r: r[ROW + 1].update(created_at=None)), (NEXT, "created_at")),
    Damage("a wrong source", rows(_set(source=_OTHER)), (MEMORY, "source")),
    Damage("two contents swapped", rows(_swap_contents), (MEMORY, NEXT)),
    Damage("two vectors swapped and an index made of them", rows(_swap_vectors), (MEMORY, NEXT)),
    Damage("a record dropped", rows(lambda r: r.pop(ROW), finalized=False), ("p2", MEMORY)),
    Damage("a record doubled", rows(lambda r: r.append(r[ROW]), finalized=False), ("p2", MEMORY)),
    Damage("a record dropped with a new receipt", rows(lambda r: r.pop(ROW), forged=True), ("p2", MEMORY)),
    Damage("a record altered with a new receipt", rows(_set(content="{}"), forged=True), ("p2", MEMORY)),
    Damage(
        "a record altered with a new receipt, and an old index",
        rows(_set(confidence=0.2), forged=True, finalized=False),
        ("p2", MEMORY),
    ),
    Damage("an edge altered", rows(_set(weight=0.99), edges=True), (EDGE, "weight")),
    Damage(
        "an edge altered, and an old index",
        rows(_set(weight=0.99), edges=True, finalized=False),
        (EDGE, "weight"),
    ),
    Damage("an edge dropped", rows(lambda r: r.pop(ROW), edges=True, finalized=False), (EDGE,)),
    Damage(
        "an edge reversed",
        rows(lambda r: r[ROW].update(source=r[ROW]["target"], target=r[ROW]["source"]), edges=True),
        (EDGE,),
    ),
    Damage("an edge altered with a new receipt", forged_edges, (EDGE, "weight")),
    Damage("a page lost", _without_page, ("p2", MEMORY)),
    Damage("a page of edges lost", _without_edges, ("p2",)),
    Damage("a page of another run", _other_runs_page, ("p2", MEMORY)),
    Damage("two pages exchanged", _pages_exchanged, ("p2", "p4")),
    Damage("a page that was not committed", _page_added, ("p9",)),
    Damage("a page cut off", file("memories/p2.parquet", lambda data: data[:-2000]), ("p2",)),
    Damage("a page emptied", file("memories/p2.parquet", lambda data: b""), ("p2",)),
    Damage(
        "a page without its beginning",
        file("memories/p2.parquet", lambda data: bytes(4000) + data[4000:]),
        ("p2",),
    ),
    Damage("a page of edges cut off", file("edges/p2.parquet", lambda data: data[:-100]), ("p2",)),
    Damage(
        "the list of committed pages cut off",
        file("committed.json", lambda data: data[:-5]),
        ("committed.json",),
    ),
    Damage(
        "the list of committed pages of another form",
        json("committed.json", lambda names: {"pages": names}),
        ("committed.json",),
    ),
    Damage(
        "a page missing from the list",
        json("committed.json", lambda names: [n for n in names if n != "p2"]),
        ("p2",),
    ),
    Damage("no page in the list", json("committed.json", lambda names: []), ("p2",)),
    Damage(
        "the list of committed pages lost",
        lambda store: (run_of(store).path / "committed.json").unlink(),
        ("p2",),
    ),
    Damage("the manifest cut off", file("MANIFEST.json", lambda data: data[:-30]), ("manifest",)),
    Damage(
        "another model in the manifest",
        json("MANIFEST.json", lambda m: {**m, "model": "openai/x"}),
        ("openai/x",),
    ),
    Damage(
        "another start in the manifest",
        json("MANIFEST.json", lambda m: {**m, "started_at": "2025-02-02T00:00:00+00:00"}),
        (RUN,),
    ),
    Damage("the seal cut off", file("seal.json", lambda data: data[:-30]), ("seal",)),
    Damage(
        "another digest in the seal",
        json("seal.json", lambda s: {**s, "p2": ["0" * 32, s["p2"][1]]}),
        ("p2",),
    ),
    Damage(
        "fewer orphans reported",
        json("orphans.json", lambda o: {**o, "fk_author": {**o["fk_author"], "orphans": 1}}),
        ("author:posts_43", "author:posts_44"),
    ),
    Damage("the list of orphans cut off", file("orphans.json", lambda data: data[:-9]), ("orphans",)),
)
