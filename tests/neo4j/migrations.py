"""Migrations from a test's Neo4j: the command in a process of its own, and what it left in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engram_store.model import Edge, Memory
from engram_store.store import Store
from tests.pipelines.command import Ended, Started, migration, start, until
from tests.pipelines.stored import page_files
from tests.servers.neo4j import Neo4jServer


def start_migration(
    server: Neo4jServer, target: Path, *flags: str, environment: Mapping[str, str] | None = None
) -> Started:
    """Starts a migration of the server's graph."""
    password = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": server.password}
    arguments = migration(server.url, target, *flags, pipeline="pipelines.neo4j")
    return start(*arguments, environment={**password, **(environment or {})})


def migrate(
    server: Neo4jServer, target: Path, *flags: str, environment: Mapping[str, str] | None = None
) -> Ended:
    """Runs a migration to its end."""
    return start_migration(server, target, *flags, environment=environment).end()


def started(server: Neo4jServer, target: Path, pages: int, *flags: str) -> Started:
    """A migration that has acknowledged some more pages."""
    before = len(page_files(target))
    process = start_migration(server, target, *flags)
    until(lambda: len(page_files(target)) >= before + pages or not process.running())
    assert process.running(), process.end()
    return process


@dataclass(frozen=True)
class Found:
    """A migrated graph, read back.

    Attributes:
        memories: By space and id.
        edges: All of them, by their ids.
    """

    memories: Mapping[tuple[str, str], Memory]
    edges: Mapping[str, Edge]

    def node(self, number: int) -> Memory:
        """The memory of the node with an internal id."""
        (memory,) = (memory for memory in self.memories.values() if memory.source.key == str(number))
        return memory

    def named(self, name: str) -> Memory:
        """The memory of the node with a name."""
        (memory,) = (m for m in self.memories.values() if properties(m).get("name") == name)
        return memory

    def kinds(self, edge: Edge) -> tuple[str, str]:
        """What an edge goes from and to: the kinds of the two memories."""
        source = self.memories[edge.source_space, edge.source]
        target = self.memories[edge.target_space, edge.target]
        return source.source.kind, target.source.kind


def found(target: Path) -> Found:
    """What a store holds."""
    with Store.open(target).reader() as reader:
        memories = [memory for space in reader.spaces() for memory in reader.scan(space)]
        edges = [edge for m in memories for edge in reader.edges(m.space, m.id, "out")]
    found = Found({(m.space, m.id): m for m in memories}, {edge.id: edge for edge in edges})
    assert len(found.memories) == len(memories) and len(found.edges) == len(edges)
    return found


def properties(memory: Memory) -> dict[str, Any]:
    """A node's properties, as its memory holds them."""
    content = json.loads(memory.content)
    assert content.keys() == {"labels", "properties"}
    known: dict[str, Any] = content["properties"]
    return known
