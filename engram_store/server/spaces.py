"""How many memories each space holds, those included that are part of no generation yet."""

from __future__ import annotations

from starlette.requests import Request

from engram_store.server.requests import served


def counts(request: Request) -> dict[str, int]:
    """Space → memories; for the event loop's thread."""
    store = served(request)
    found = store.reader.spaces() | {name: 0 for name in store.remembered.spaces()}
    found.update(store.reader.spaces())
    for memory, _ in store.remembered.of(None):
        new = store.reader.get(memory.space, memory.id) is None
        found[memory.space] = found.get(memory.space, 0) + new
    return dict(sorted(found.items()))
