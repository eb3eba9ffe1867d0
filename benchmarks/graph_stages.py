"""The stages of a migration from Neo4j, one by one, without Beam around them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neo4j

from benchmarks.measuring import Stopwatch
from engram_store.store import Store
from io_connectors.engram.targets import EmbeddedTargetSpec
from io_connectors.neo4j.graph import Graph
from io_connectors.neo4j.plan import Boundaries, PagePlan, Plan
from io_connectors.neo4j.rows import NODES, RELATIONSHIPS
from io_connectors.neo4j.source import Reading, neo4j_pages
from io_connectors.pages import SourcePage
from transforms.embedding.batch import embed_pages
from transforms.embedding.provider import EmbeddingSpec, create_embedder
from transforms.mapping.graph_choices import GraphChoices, GraphMapping
from transforms.mapping.neo4j import map_page

PAGE_IDS = 10_000

CENSUS = "plan (census)"
EMBED, WRITE, CHECK, FINALIZE = "embed", "write", "check edges", "finalize"
KINDS = (NODES, RELATIONSHIPS)


def bare(kind: str) -> str:
    """The name of the bare driver's loop over nodes or relationships."""
    return f"bare driver: {kind}"


def read(kind: str) -> str:
    """The name of our reading of them."""
    return f"read: {kind}"


def mapped(kind: str) -> str:
    """The name of our mapping of them."""
    return f"map: {kind}"


#: All that a first migration does.
WHOLE = (CENSUS, *map(read, KINDS), *map(mapped, KINDS), EMBED, WRITE, CHECK, FINALIZE)


def plan_of(graph: Graph) -> Plan:
    """The pages, by a census."""
    return Plan.cut(Boundaries(PAGE_IDS, 1, 0), graph.census(PAGE_IDS, ()))


def measure(graph: Graph, folder: Path, watch: Stopwatch) -> None:
    """Reads the graph by a bare driver, then migrates it in a plain loop, and measures each stage.

    Args:
        graph: The source.
        folder: Where the store is made.
        watch: Takes the costs.
    """
    with watch.both(CENSUS):
        plan = plan_of(graph)
    for kind in KINDS:
        with watch.both(bare(kind)):
            _drive(graph, plan, kind)
    store = Store.open(folder, create=True)
    run = store.create_run("benchmark", {"model": create_embedder(EmbeddingSpec()).identity})
    target = EmbeddedTargetSpec(str(store.path), run.id).open()
    mapping, embedder = GraphMapping(GraphChoices(), time.time_ns() // 1000), create_embedder(EmbeddingSpec())
    for kind in KINDS:
        with watch.server(read(kind)):
            for page in _read(graph, plan, kind, watch):
                with watch.client(mapped(kind)):
                    found = map_page(page, mapping)
                with watch.client(EMBED):
                    [embedded] = embed_pages(embedder, [found])
                with watch.client(WRITE):
                    target.write(embedded)
    run.commit_pages(plan.pages)
    with watch.client(CHECK):
        store.check_edges(run.id)
    with watch.client(FINALIZE):
        store.finalize()


def _drive(graph: Graph, plan: Plan, kind: str) -> None:
    """The same queries by the driver alone, their answers thrown away."""
    address, reading = graph.address, Reading(graph.dialect)
    auth = (address.user, address.password.resolve()) if address.password else None
    with neo4j.GraphDatabase.driver(address.url, auth=auth) as driver, driver.session() as session:
        for page in _of(plan, kind).values():
            parameters = {**reading.parameters, "start": page.start, "stop": page.stop}
            session.execute_read(_fetched, reading.query(kind), parameters)


def _fetched(transaction: neo4j.ManagedTransaction, query: str, parameters: dict[str, Any]) -> None:
    transaction.run(query, parameters).values()


def _read(graph: Graph, plan: Plan, kind: str, watch: Stopwatch) -> Iterator[SourcePage]:
    source = neo4j_pages(graph.address, Reading(graph.dialect), plan, tuple(_of(plan, kind)))
    pages = source.read(source.get_range_tracker(None, None))
    while True:
        with watch.client(read(kind)):
            page = next(pages, None)
        if page is None:
            return
        yield page


def _of(plan: Plan, kind: str) -> dict[str, PagePlan]:
    return {page_id: page for page_id, page in plan.pages.items() if page.kind == kind}
