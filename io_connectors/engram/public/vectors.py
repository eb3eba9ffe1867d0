"""The vectors of a run's memories on a public server, and records that stand there twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from engram_store.model import DIMENSION
from engram_store.run import Run
from io_connectors.engram.public.client import PublicServer
from io_connectors.engram.public.ledger import DIFFERING, DOUBLED, NOT_COMPARED
from io_connectors.engram.public.listing import Listing, Origin, Vector, read_listing
from io_connectors.engram.public.survey import Survey


@dataclass(frozen=True, slots=True)
class Amiss:
    """A memory of which the listing shows something else than was sent, or nothing.

    Attributes:
        outcome: ``DIFFERING``, ``NOT_COMPARED`` or ``DOUBLED``.
        what: What is wrong, in words; empty if the outcome says it.
    """

    outcome: str
    space: str
    id: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class ComparedVectors:
    """What comparing the vectors of a run came to; continuations are memories of their own.

    Attributes:
        equal: How many are as they were sent.
        amiss: The others, and records that stand there twice.
    """

    equal: int
    amiss: tuple[Amiss, ...]


def compare_vectors(server: PublicServer, survey: Survey, run: Run, verification: int) -> ComparedVectors:
    """Compares the vectors of all memories of a run that a verification found on the server.

    Args:
        server: The server.
        survey: What is staged.
        run: The run.
        verification: The verification's number in the run's ledger.

    Raises:
        MigrationError: The server is not there, or was lost.
    """
    ledger = survey.ledgers[run]
    equal, amiss = 0, list[Amiss]()
    for space in ledger.counts(verification):
        ids = set(ledger.there(verification, space))
        ids |= {part for part, id in survey.spaces[space].continuations.items() if id in ids}
        found = _listing(server, survey, space, ids)
        equal += found.equal
        amiss += [Amiss(DIFFERING, space, id, what) for id, what in sorted(found.differing.items())]
        amiss += [Amiss(NOT_COMPARED, space, id) for id in sorted(found.unseen)]
        amiss += _doubled(run, space, found.strangers)
    return ComparedVectors(equal, tuple(amiss))


def _listing(server: PublicServer, survey: Survey, space: str, ids: set[str]) -> Listing:
    continuations = survey.spaces[space].continuations

    def sent(id: str) -> Vector:
        return np.zeros(DIMENSION, np.float32) if id in continuations else survey.vector(space, id)

    def is_known(id: str) -> bool:
        return any(ledger.entry(space, id) is not None for ledger in survey.ledgers.values())

    return read_listing(server, space, ids, sent, is_known)


def _doubled(run: Run, space: str, strangers: Mapping[str, Origin]) -> Iterator[Amiss]:
    """Strangers whose record the run has; what a run no longer has, or others wrote, is none of them."""
    ids: dict[Origin, list[str]] = {}
    for id, origin in sorted(strangers.items()):
        ids.setdefault(origin, []).append(id)
    for page_id in sorted(run.committed_page_ids()) if ids else ():
        page = run.memories(page_id, ["id", "space", "source"])
        kinds, keys = (pc.struct_field(page["source"], part).to_pylist() for part in ("kind", "key"))
        for row, origin in enumerate(zip(kinds, keys, strict=True)):
            if origin in ids and page["space"][row].as_py() == space:
                what = f"the record of {page['id'][row].as_py()} once more"
                yield from (Amiss(DOUBLED, space, id, what) for id in ids[origin])
