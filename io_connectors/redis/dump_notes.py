"""What is to be said of a dump file beside its keys: nothing in it is left out in silence."""

from __future__ import annotations

from collections.abc import Iterator

from io_connectors.redis.keyspace import Selection
from io_connectors.redis.rdb import Index, Loss


def notes_of(index: Index, selection: Selection, size: int) -> Iterator[str]:
    """What is not migrated, was lost, or was taken for granted.

    Args:
        index: The file's index.
        selection: Which keys are read.
        size: Bytes of the file.
    """
    if index.loss:
        yield _lost(index.loss)
    elif index.stop < size:
        yield f"not read: {size - index.stop:,} bytes behind the end of the dump, as servers do not"
    if not index.checked and not index.loss:
        yield "the file has no checksum: damage that looks like data would not be noticed"
    if index.functions:
        yield f"not migrated: {index.functions:,} libraries of functions, which are no keys"
    if index.module_data:
        yield f"not migrated: {index.module_data:,} pieces of data of modules, which are no keys"
    others = {db: tally.types.total() for db, tally in index.databases.items() if not selection.takes_db(db)}
    if others:
        named = ", ".join(str(db) for db in sorted(others))
        yield (
            f"not read: {sum(others.values()):,} keys of database {named}, which --source-db does not name"
            " (all reads every one)"
        )
    if index.aux.get("aof-base") == "1":
        yield "this is the base of an append-only file: what happened later is in its increments (--use-aof)"


def _lost(loss: Loss) -> str:
    if loss.start == 0:
        return f"salvaged: {loss.reason}; the damage may be in any key"
    return (
        f"salvaged: bytes {loss.start:,} to {loss.stop:,} could not be read, with all keys in them"
        f" (at byte {loss.offset:,}: {loss.reason})"
    )
