"""Ways to damage what a public server holds, and what must be named when a run is validated."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.engram_double.spaces import Remembered, Space

Spaces = dict[str, Space]
Vector = npt.NDArray[np.float32]
Document = dict[str, Any]

#: The memories that most damages are done to, on one page.
SPACE, ID, NEXT = "users", "users_86", "users_87"
#: A memory that goes on in continuations, and one that has a zero vector.
LONG, EMPTY = "users_90", "users_7"
#: A memory with two edges, to memories of its own and of another space.
POST = "posts_50"


@dataclass(frozen=True, slots=True)
class Damage:
    """A way to damage a server's memories.

    Attributes:
        name: What is done.
        do: Does it to the server's spaces.
        named: What validating must name.
    """

    name: str
    do: Callable[[Spaces], None]
    named: tuple[str, ...] = (f"{SPACE}/{ID}",)


def memory(
    change: Callable[[Remembered], Remembered], id: str = ID, space: str = SPACE
) -> Callable[[Spaces], None]:
    """Changes one memory."""

    def do(spaces: Spaces) -> None:
        held = spaces[space].memories
        held[id] = change(held[id])

    return do


def field(**values: Any) -> Callable[[Spaces], None]:
    """Gives fields of the memory other values."""
    return memory(lambda held: held._replace(**values))


def timestamp(change: Callable[[str], str]) -> Callable[[Spaces], None]:
    """Changes the memory's timestamp."""
    return memory(lambda held: held._replace(timestamp=change(held.timestamp)))


def content(change: Callable[[str], str], id: str = ID) -> Callable[[Spaces], None]:
    """Changes a memory's content."""
    return memory(lambda held: held._replace(content=change(held.content)), id)


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[Spaces], None]:
    """Changes the three parts of the memory's content."""
    return content(lambda text: "\n".join(change(text.rsplit("\n", 2))))


def envelope(
    change: Callable[[Document], object], id: str = ID, space: str = SPACE
) -> Callable[[Spaces], None]:
    """Changes the document within a memory's content."""

    def changed(held: Remembered) -> Remembered:
        text, document, mark = held.content.rsplit("\n", 2)
        parsed = json.loads(document)
        change(parsed)
        document = json.dumps(parsed, separators=(",", ":"), ensure_ascii=False)
        return held._replace(content=f"{text}\n{document}\n{mark}")

    return memory(changed, id, space)


def edge(**values: Any) -> Callable[[Spaces], None]:
    """Gives fields of the first edge of ``POST`` other values."""
    return envelope(lambda document: document["edges"][0].update(values), POST, "posts")


def edges(change: Callable[[list[Document]], object]) -> Callable[[Spaces], None]:
    """Changes the edges of ``POST``."""
    return envelope(lambda document: change(document["edges"]), POST, "posts")


def vector(change: Callable[[Vector], Vector], id: str = ID) -> Callable[[Spaces], None]:
    """Gives a memory another vector."""
    return memory(lambda held: held._replace(vector=change(held.vector.copy()).astype(np.float32)), id)


def one_number(value: float) -> Callable[[Spaces], None]:
    """Gives one number of the memory's vector another value."""

    def change(found: Vector) -> Vector:
        found[5] = value
        return found

    return vector(change)


def swapped(*fields: str) -> Callable[[Spaces], None]:
    """Gives the memory fields of the next one, and the next one the memory's."""

    def do(spaces: Spaces) -> None:
        held = spaces[SPACE].memories
        one, other = held[ID], held[NEXT]
        held[ID] = one._replace(**{name: getattr(other, name) for name in fields})
        held[NEXT] = other._replace(**{name: getattr(one, name) for name in fields})

    return do


def dropped(*ids: str) -> Callable[[Spaces], None]:
    """Removes memories."""

    def do(spaces: Spaces) -> None:
        for id in ids:
            del spaces[SPACE].memories[id]

    return do


def copied(id: str, to: str, space: str = SPACE, *, moved: bool = False) -> Callable[[Spaces], None]:
    """Puts a memory under a further id, or into another space."""

    def do(spaces: Spaces) -> None:
        held = spaces[SPACE].memories
        spaces[space].memories[to] = held[id]
        if moved:
            del held[id]

    return do


def each(ids: Sequence[str], do: Callable[[str], Callable[[Spaces], None]]) -> Callable[[Spaces], None]:
    """Does a damage to many memories."""

    def do_all(spaces: Spaces) -> None:
        for id in ids:
            do(id)(spaces)

    return do_all
