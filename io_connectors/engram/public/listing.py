"""The vectors that a public server has, compared with those that it was sent.

Only its listing gives vectors: pages without an order, in which a memory can be missed or come twice
while its space changes. So what one pass did not give is looked for in another, and what none gave is
reported as not compared. The listing also shows what nobody delivered: the same record under another id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engram_store.errors import IntegrityError
from engram_store.model import DIMENSION
from io_connectors.engram.public.client import Listed, PublicServer
from io_connectors.engram.public.envelope import parts_of, unfold
from io_connectors.engram.public.names import MOST_PER_SPACE

Vector = npt.NDArray[np.float32]

#: What names a record in its source: its table, label or type, and its key.
Origin = tuple[str, str]

_PASSES = 3
_SAME_DIRECTION = 0.999999


@dataclass(slots=True)
class Listing:
    """What the listing of one space says of a run's memories.

    Attributes:
        equal: How many vectors are there as they were sent.
        differing: Id → how its vector differs, in words.
        unseen: Ids that are there, and that no pass gave.
        strangers: Id → the record that its envelope names, of memories that were not delivered.
    """

    equal: int = 0
    differing: dict[str, str] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    strangers: dict[str, Origin] = field(default_factory=dict)


def read_listing(
    server: PublicServer,
    space: str,
    ids: set[str],
    vector_of: Callable[[str], Vector],
    is_known: Callable[[str], bool],
) -> Listing:
    """Compares all vectors of a space, page by page.

    Args:
        server: The server.
        space: The space, which must be there.
        ids: The memories to compare.
        vector_of: The vector that a memory was sent with, (768,).
        is_known: Whether a memory was delivered, now or earlier.

    Raises:
        MigrationError: The server is not there, or refuses.
    """
    found = Listing(unseen=set(ids))
    for _ in range(_PASSES):
        before = len(found.unseen)
        for memory in _all(server, space):
            if memory.id in found.unseen:
                found.unseen.remove(memory.id)
                _compare(found, memory, vector_of(memory.id))
            elif memory.id not in ids and not is_known(memory.id):
                _note_stranger(found, space, memory)
        if not found.unseen or len(found.unseen) == before:
            break
    return found


def _all(server: PublicServer, space: str) -> Iterator[Listed]:
    offset = 0
    while offset <= MOST_PER_SPACE and (page := server.listed(space, offset)):
        yield from page
        offset += len(page)


def _compare(found: Listing, memory: Listed, sent: Vector) -> None:
    what = apart(sent, memory.vector)
    if what:
        found.differing[memory.id] = what
    else:
        found.equal += 1


def apart(sent: Vector, held: Vector) -> str:
    """How a vector differs from the one that was sent, in words; empty if it does not."""
    if held.shape != (DIMENSION,):
        return f"its embedding has {held.size} numbers"
    if not np.isfinite(held).all():
        return f"{int((~np.isfinite(held)).sum())} numbers of its embedding are none"
    differing = int((held != sent).sum())
    if not differing:
        return ""
    lengths = float(np.linalg.norm(held)), float(np.linalg.norm(sent))
    if not lengths[0]:
        return "its embedding is zero"
    cosine = float(held @ sent) / (lengths[0] * lengths[1]) if lengths[1] else 0.0
    if cosine >= _SAME_DIRECTION:
        return f"its embedding has length {lengths[0]:.6g}, and was sent with {lengths[1]:.6g}"
    return f"its embedding differs in {differing} of {DIMENSION} numbers (cosine {cosine:.4f})"


def _note_stranger(found: Listing, space: str, memory: Listed) -> None:
    if parts_of(memory.content) != 1:
        return
    try:
        source = unfold(space, memory.id, 0.0, [memory.content]).memory.source
    except IntegrityError:
        return
    found.strangers[memory.id] = source.kind, source.key
