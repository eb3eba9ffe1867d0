"""Finding one record among runs: by its memory, by its key in the source, or among the refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from engram_store.errors import ConfigurationError
from io_connectors.engram.home import RunHome, TargetRun

_MEMORY = re.compile(r"([a-z0-9_-]{3,64})/(.+)", re.DOTALL)
_RECORD = re.compile(r"(.+?)\[(.*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Name:
    """How a record was named: by space and memory id, or by table and key.

    Attributes:
        group: A memory space; or a table, label or type.
        key: A memory id; or a key in the source.
        of_memory: Which of them it is.
    """

    group: str
    key: str
    of_memory: bool

    @classmethod
    def parse(cls, text: str) -> Name:
        """``customers/customers_7``, or ``public.customers[7]``.

        Raises:
            ConfigurationError: It is neither.
        """
        if found := _MEMORY.fullmatch(text):
            return cls(found[1], found[2], True)
        if found := _RECORD.fullmatch(text):
            return cls(found[1], found[2], False)
        raise ConfigurationError(
            f"`{text}` names no record",
            suggestion="name a memory as space/id, or a record of the source as table[key]",
            example="engram-migrate explain customers/customers_7   # or: public.customers[7]",
        )

    def __str__(self) -> str:
        return f"{self.group}/{self.key}" if self.of_memory else f"{self.group}[{self.key}]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record's memory was written.

    Attributes:
        run: The run.
        page: The page.
        space: The memory space.
        id: The memory id.
        kind: Its table, label or type.
        key: Its key in the source.
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
    if name.of_memory:
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
        same = pc.and_(pc.equal(kinds, name.group), pc.equal(keys, name.key))
        for row in pc.indices_nonzero(same).to_pylist():
            space, id = page.column("space")[row].as_py(), page.column("id")[row].as_py()
            yield Place(run, page_id, space, id, name.group, name.key)


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
    if name.of_memory:
        return name.key in (key, f"redis_{key}", f"neo4j_node_{key}")
    table = kind.rpartition(".")[2]
    return kind == name.group and key in (name.key, f"{table}_{name.key}", f"{kind}:{name.key}")
