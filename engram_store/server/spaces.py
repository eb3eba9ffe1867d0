"""How many memories each space holds, those included that are part of no generation yet."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from engram_store.server.requests import served
from engram_store.server.served import Served


async def counts(request: Request) -> dict[str, int]:
    """Space → memories, by name."""
    return await run_in_threadpool(_counts, served(request))


def _counts(store: Served) -> dict[str, int]:
    found = {**dict.fromkeys(store.remembered.spaces(), 0), **store.reader.spaces()}
    for memory, _ in store.remembered.of(None):
        new = store.reader.get(memory.space, memory.id) is None
        found[memory.space] = found.get(memory.space, 0) + new
    return dict(sorted(found.items()))
