"""Small staging stores in front of a double."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engram_store.finalize import FinalizeResult
from engram_store.run import Run
from io_connectors.engram.embedded import EmbeddedHome
from io_connectors.engram.http.client import Server
from io_connectors.engram.public.choices import DeliveryChoices
from io_connectors.engram.public.client import PublicServer
from io_connectors.engram.public.home import PublicHome
from io_connectors.retry import RetryPolicy
from io_connectors.secrets import SecretRef
from tests.engram_double.double import EngramDouble
from tests.server.mapped import Edge, mapped

Vectors = npt.NDArray[np.float32]

MANIFEST = {"model": "local/lexical-1", "started_at": "2025-01-01T00:00:00+00:00", "spaces": ["users"]}
#: About a second, and a double is back sooner.
IMPATIENT = RetryPolicy(attempts=6, first_wait=0.05, longest_wait=0.5)


#: Some ids.
IDS = [f"users_{n}" for n in range(40)]


def home_of(
    folder: Path,
    double: EngramDouble,
    on_absorbed: str | None = None,
    say: Callable[[str], None] = print,
    key: SecretRef | None = None,
    url: str = "",
) -> PublicHome:
    """A double as a home of runs; ``url`` is the address of what is between, if there is something."""
    staging = EmbeddedHome.open(folder, create=True)
    server = PublicServer(Server(url or double.url, key), IMPATIENT)
    return PublicHome(staging, server, "0.1.0", DeliveryChoices(str(folder), on_absorbed, say))


def staged(
    home: PublicHome,
    ids: Sequence[str],
    links: Sequence[Edge] = (),
    *,
    page: str = "p1",
    vectors: Vectors | None = None,
    space: str = "users",
    content: str = '{"name": "Ann"}',
    confidence: Sequence[float] | None = None,
) -> Run:
    """One more committed page of the run ``first``; not finalized."""
    run = home.run("first") if home.runs() else home.create_run("first", MANIFEST)
    made = mapped(page, ids, links, space=space, content=content)
    memories = made.memories
    if vectors is not None:
        memories = replace(memories, embeddings=vectors)
    if confidence is not None:
        memories = replace(memories, confidence=list(confidence))
    pages = run.committed_page_ids() | {page}
    run.plan_pages(pages)
    home.target("first", "float32").open().write(replace(made, memories=memories))
    run.commit_pages(pages)
    return run


def outcomes(run: Run) -> dict[str, int]:
    """How many memories of the space ``users`` ended how; those without a memory are left out."""
    counts: dict[str, int] = run.finding("delivery")["spaces"]["users"]
    return {outcome: count for outcome, count in counts.items() if count}


def samples(run: Run, outcome: str) -> list[str]:
    """The ids that ended so."""
    named: list[str] = run.finding("delivery")["samples"][outcome]
    return named


def finalized(home: PublicHome) -> FinalizeResult:
    """Finalizes and delivers under the lock, as a launcher does."""
    with home.lock():
        return home.finalize()


def unit(seed: int, n: int = 1) -> Vectors:
    """Some vectors of length 1, far from each other."""
    found = np.random.default_rng(seed).standard_normal((n, 768)).astype(np.float32)
    made: Vectors = found / np.linalg.norm(found, axis=1, keepdims=True)
    return made


def near(vector: Vectors) -> Vectors:
    """Two equal vectors and one at a cosine of about 0.97."""
    off = vector + 0.25 * unit(99)[0]
    return np.stack([vector, vector, off / np.linalg.norm(off)]).astype(np.float32)
