"""A small store of a finished run, made without Beam; and a copy of it as the source that it came from."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from engram_store.model import DIMENSION
from engram_store.run import Run
from engram_store.store import Store
from io_connectors.engram.targets import EmbeddedTarget
from io_connectors.pages import EdgePage, EmbeddingCounts, MappedPage, MemoryPage, Vectors
from transforms.validation.ledger import seal
from transforms.validation.orphans import ORPHANS

RUN, OLDER = "shop", "older"
PAGES, ROWS = 8, 40
#: The memory that had nothing to embed.
EMPTY = "users_7"

_MODEL = "local/lexical-1"
_START = 1_700_000_000_000_000


def make(store: Path) -> None:
    """Makes the store: pages p0 … p7 of users and posts, with edges, two of which are orphans."""
    home = Store.open(store, create=True)
    _older(home)
    run = home.create_run(RUN, run_manifest("2025-02-01T00:00:00+00:00"))
    commit(home, run, [page(number) for number in range(PAGES)])
    home.finalize()


def commit(home: Store, run: Run, pages: list[MappedPage], vector_type: str = "float16") -> None:
    """Writes pages as a migration does, and commits them; without making readers see them."""
    run.plan_pages(page.page_id for page in pages)
    target = EmbeddedTarget(home, run, vector_type)
    receipts = [target.write(page) for page in pages]
    found = home.check_edges(run.id)
    run.save_finding(ORPHANS, {origin: asdict(check) for origin, check in found.origins.items()})
    seal(run, receipts)
    run.commit_pages(page.page_id for page in pages)


def page(number: int) -> MappedPage:
    """Users on the even pages; on the odd ones posts, each of a user of the page before."""
    kind = "posts" if number % 2 else "users"
    keys = [str(number * ROWS + row) for row in range(ROWS)]
    ids = [f"{kind}_{key}" for key in keys]
    vectors = unit_vectors(number, ROWS)
    if EMPTY in ids:
        vectors[ids.index(EMPTY)] = 0
    memories = MemoryPage(
        ids=ids,
        spaces=[kind] * ROWS,
        contents=[
            f'{{"id":{key},"name":"Name of {id}","text":"{id * 3}"}}'
            for key, id in zip(keys, ids, strict=True)
        ],
        texts=[None if id == EMPTY else id for id in ids],
        confidence=[0.9 if row % 3 else 0.5 for row in range(ROWS)],
        activation=[0.5 + row / 100 for row in range(ROWS)],
        decay_rate=[0.01 * (row + 1) for row in range(ROWS)],
        created_at=[None if row % 5 == 0 else _START + row for row in range(ROWS)],
        system="postgresql",
        kinds=[f"public.{kind}"] * ROWS,
        keys=keys,
        embeddings=vectors,
    )
    zeros = int(EMPTY in ids)
    return MappedPage(
        f"p{number}",
        memories,
        _edges(number, kind, ids),
        embedding=EmbeddingCounts(ROWS - zeros, ROWS - zeros, 0, zeros),
    )


def first_rows(page: MappedPage, rows: int) -> MappedPage:
    """The first memories of a page, and the edges that leave them."""
    memories, edges, kept = page.memories, page.edges, set(page.memories.ids[:rows])
    leaving = [row for row, source in enumerate(edges.sources) if source in kept]
    zeros = int(EMPTY in kept)
    return replace(
        page,
        memories=replace(memories, **{name: column[:rows] for name, column in _columns(memories)}),
        edges=EdgePage(**{name: [column[row] for row in leaving] for name, column in _columns(edges)}),
        embedding=EmbeddingCounts(rows - zeros, rows - zeros, 0, zeros),
    )


def _columns(page: MemoryPage | EdgePage) -> list[tuple[str, Any]]:
    columns = [(field.name, getattr(page, field.name)) for field in fields(page)]
    return [(name, column) for name, column in columns if not isinstance(column, str)]


def _edges(number: int, kind: str, ids: list[str]) -> EdgePage:
    """Each memory knows the next; each post has a user; two posts of page 1 have users that are not there."""
    found = EdgePage()
    for row, id in enumerate(ids[:-1]):
        _add(found, f"knows:{id}", (kind, id), (kind, ids[row + 1]), "KNOWS", "fk_knows", 0.5 + row / 100)
    for row, id in enumerate(ids if kind == "posts" else ()):
        user = f"users_{(number - 1) * ROWS + row}"
        gone = {(1, 3): None, (1, 4): "users_9999"}.get((number, row), user)
        _add(found, f"author:{id}", (kind, id), ("users", gone), "WROTE", "fk_author", 0.8)
    return found


def _add(
    edges: EdgePage,
    id: str,
    source: tuple[str, str],
    target: tuple[str, str | None],
    type: str,
    origin: str,
    weight: float,
) -> None:
    edges.ids.append(id)
    edges.source_spaces.append(source[0])
    edges.sources.append(source[1])
    edges.target_spaces.append(target[0])
    edges.targets.append(target[1])
    edges.types.append(type)
    edges.origins.append(origin)
    edges.weights.append(weight)
    edges.created_at.append(_START if origin == "fk_author" else None)
    edges.properties.append(f'{{"note":"{id}"}}' if origin == "fk_author" else None)


def unit_vectors(seed: int, rows: int) -> Vectors:
    """Random directions."""
    table = np.random.default_rng(seed).standard_normal((rows, DIMENSION), dtype=np.float32)
    lengths: Vectors = np.linalg.norm(table, axis=1, keepdims=True)
    return table / lengths


def _older(home: Store) -> None:
    """An older run of another source, with a page of a name that the other run has too."""
    run = home.create_run(OLDER, run_manifest("2025-01-01T00:00:00+00:00"))
    ids = [f"things_{row}" for row in range(ROWS)]
    memories = MemoryPage(
        ids=ids,
        spaces=["things"] * ROWS,
        contents=["{}"] * ROWS,
        texts=[*ids],
        confidence=[0.9] * ROWS,
        activation=[0.5] * ROWS,
        decay_rate=[0.01] * ROWS,
        created_at=[None] * ROWS,
        system="redis",
        kinds=["string"] * ROWS,
        keys=ids,
        embeddings=unit_vectors(99, ROWS),
    )
    commit(home, run, [MappedPage("p2", memories, EdgePage())])


def run_manifest(started_at: str) -> dict[str, object]:
    return {
        "model": _MODEL,
        "started_at": started_at,
        "system": "postgresql",
        "vector_type": "float16",
        "state": "complete",
    }
