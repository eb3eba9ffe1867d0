"""Keys that no reader could decode, as dead letters."""

from __future__ import annotations

import base64

import orjson

from io_connectors.pages import DeadLetter
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.rdb import Undecodable
from io_connectors.redis.spelling import spelled


def unreadable(page_id: str, row: Undecodable, selection: Selection, suggestion: str) -> DeadLetter:
    """The dead letter of a key whose value cannot be decoded; the record says all that is known of it.

    A small entry stands in it as it is in the file, so that whoever knows its form can read it.
    """
    record: dict[str, str | int | None] = {
        "db": row.db,
        "key": spelled(row.key),
        "type": row.type,
        "expire_at_ms": row.expire_at,
        "bytes": row.size,
        "entry_base64": base64.b64encode(row.entry).decode() if row.entry else None,
    }
    return DeadLetter(
        stage="read",
        page_id=page_id,
        kind=row.type,
        key=selection.name(row.db, row.key),
        reason=row.reason,
        suggestion=suggestion,
        record=orjson.dumps(record).decode(),
    )
