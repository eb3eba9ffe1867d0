"""Finding one record or edge among runs: by its id, by its key in the source, or among the refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engram_store.errors import ConfigurationError
from io_connectors.engram.home import RunHome, TargetRun
from io_connectors.neo4j.rows import RELATIONSHIPS
from io_connectors.redis.spelling import PART
from transforms.mapping.graph_names import RELATIONSHIP

_MEMORY = re.compile(r"([a-z0-9_-]{3,64})/(.+)", re.DOTALL)
_RECORD = re.compile(r"(.+?)\[(.*)\]", re.DOTALL)
_EDGE = re.compile(r"([^/]+)/(.+)", re.DOTALL)
#: An element id of Neo4j, which ends in the internal id.
_ELEMENT = re.compile(r"[45]:[^:]+:(\d+)")


@dataclass(frozen=True, slots=True)
class Name:
    """How a record or an edge was named: by its id in the store, or by its key in the source.

    Attributes:
        group: A memory space, or the origin of an edge; or a table, label or type.
        key: The id of a memory or an edge; or a key in the source.
        stored: Whether it is named as the store does.
    """

    group: str
    key: str
    stored: bool

    @classmethod
    def parse(cls, text: str) -> Name:
        """``customers/customers_7``, ``LIKES/neo4j_rel_7``, or ``public.customers[7]``.

        Raises:
            ConfigurationError: It is neither.
        """
        if found := _MEMORY.fullmatch(text):
            return cls(found[1], found[2], True)
        if found := _RECORD.fullmatch(text):
            return cls(found[1], found[2], False)
        if found := _EDGE.fullmatch(text):
            return cls(found[1], found[2], True)
        raise ConfigurationError(
            f"`{text}` names no record and no edge",
            suggestion="name a memory or an edge as space/id, or a record of the source as table[key]",
            example="engram-migrate explain customers/customers_7   # or: public.customers[7]",
        )

    @property
    def number(self) -> str:
        """The key; of an element id of Neo4j the internal id in it."""
        found = _ELEMENT.fullmatch(self.key)
        return found[1] if found else self.key

    def __str__(self) -> str:
        return f"{self.group}/{self.key}" if self.stored else f"{self.group}[{self.key}]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a memory or an edge was written.

    Attributes:
        run: The run.
        page: The page.
        space: The memory space; of an edge, that of the memory which it leaves.
        id: The id.
        kind: The record's table, label or type; of an edge, its origin.
        key: The record's key in the source; of an edge, its id.
    """

    run: TargetRun
    page: str
    space: str
    id: str
    kind: str
    key: str


def find_memory(home: RunHome, runs: Sequence[str], name: Name) -> Place | None:
    """Where a record's memory was written, or None.

    A key in the source is no memory's id, and no index has it: the pages are looked through,
    three columns of each, about 1 µs a record.
    """
    if name.stored:
        with home.reader() as reader:
            memory = reader.get(name.group, name.key)
        if memory is None or memory.run not in runs:
            return None
        source = memory.source
        return Place(home.run(memory.run), memory.page, name.group, name.key, source.kind, source.key)
    return next((place for run in runs for place in _written(home.run(run), name)), None)


def _written(run: TargetRun, name: Name) -> Iterator[Place]:
    for page_id in sorted(run.committed_page_ids()):
        page = run.memories(page_id, ["id", "space", "source"])
        kinds, keys = (pc.struct_field(page.column("source"), part) for part in ("kind", "key"))
        named = pc.is_in(keys, pa.array([name.key, name.number]))
        same = pc.and_(pc.equal(kinds, name.group), named)
        for row in pc.indices_nonzero(same).to_pylist():
            space, id = page.column("space")[row].as_py(), page.column("id")[row].as_py()
            yield Place(run, page_id, space, id, name.group, keys[row].as_py())


def find_edge(home: RunHome, runs: Sequence[str], name: Name) -> Place | None:
    """Where an edge was written, or None.

    No index has the ids of edges: the pages are looked through, four columns of each. A relationship
    of Neo4j is a record of the source too, named by its type and id.
    """
    id = name.key if name.stored else f"{RELATIONSHIP}{name.number}"
    groups = ("source_space", "origin") if name.stored else ("type",)
    return next((place for run in runs for place in _edges(home.run(run), groups, name.group, id)), None)


def _edges(run: TargetRun, groups: Sequence[str], group: str, id: str) -> Iterator[Place]:
    for page_id in sorted(run.committed_page_ids()):
        page = run.edges(page_id, ["id", "source_space", "origin", "type"])
        for row in pc.indices_nonzero(pc.equal(page.column("id"), id)).to_pylist():
            space, origin = (page.column(name)[row].as_py() for name in ("source_space", "origin"))
            if group in (page.column(name)[row].as_py() for name in groups):
                yield Place(run, page_id, space, id, origin, id)


def find_letter(home: RunHome, runs: Sequence[str], name: Name) -> tuple[str, dict[str, Any]] | None:
    """The run and the dead letter of a record that was refused, or None."""
    for run in runs:
        for letter in home.run(run).dead_letters():
            if _is_of(letter, name):
                return run, letter
    return None


def _is_of(letter: dict[str, Any], name: Name) -> bool:
    """Whether a letter is a record's; its key is one of the source, or the id that the memory would have."""
    kind, key = letter["kind"], letter["key"]
    if name.stored:
        return not _made_of(name.key).isdisjoint(_ids(letter))
    table = kind.rpartition(".")[2]
    return kind == name.group and key in (name.key, name.number, f"{table}_{name.key}", f"{kind}:{name.key}")


def _ids(letter: dict[str, Any]) -> tuple[str, ...]:
    """The ids that a letter's record may have had; a node and a relationship may have one number."""
    key = letter["key"]
    if letter["page_id"].startswith(f"{RELATIONSHIPS}-"):
        return f"{RELATIONSHIP}{key}", f"{RELATIONSHIP}{key}_mirror"
    return key, f"redis_{key}", f"neo4j_node_{key}"


def _made_of(id: str) -> set[str]:
    """An id, and those of the memories whose records it would be made of: a row's edge, a key's part."""
    return {id, id.rpartition("#")[0] or id, id.partition(PART)[0]}
