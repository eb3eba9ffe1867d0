"""Look-ups of single keys: by name, and the first that SCAN gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from io_connectors.redis.live.refusals import translating
from io_connectors.redis.live.session import Session
from io_connectors.redis.live.wire import Command
from io_connectors.redis.rows import HASH, JSON, LIST, SET, STREAM, STRING, ZSET
from io_connectors.redis.spelling import PART, unspelled

_GETTERS: dict[str, Callable[[bytes], Command]] = {
    STRING: lambda key: ("GET", key),
    LIST: lambda key: ("LRANGE", key, 0, -1),
    HASH: lambda key: ("HGETALL", key),
    SET: lambda key: ("SMEMBERS", key),
    ZSET: lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
    STREAM: lambda key: ("XRANGE", key, "-", "+"),
    JSON: lambda key: ("JSON.GET", key),
}


@dataclass(frozen=True, slots=True)
class KeyLookups:
    """Look-ups on one server; see ``SourceLookups``.

    Args:
        session: A session with it.
        db: The database, if keys are not named with theirs.
    """

    session: Session
    db: int | None

    def by_key(self, kind: str, key: str) -> int | None:
        """Reads a key's value; None for a part of one."""
        getter = _GETTERS.get(kind)
        if getter is None or PART in key:
            return None
        db, name = (self.db, key) if self.db is not None else _named(key)
        with translating("looking up single keys"):
            reply = self.session.select(db).call(*getter(unspelled(name)))
        # What is not there is nothing for GET, and empty for the other commands.
        return 0 if reply is None or (kind != STRING and not reply) else 1

    def related(self, kind: str, key: str) -> int | None:
        """None: keys are not related."""
        return None

    def first(self, kind: str, limit: int) -> int | None:
        """Reads the first keys that SCAN gives, whatever their type, with their values."""
        with translating("looking up single keys"):
            wire = self.session.select(self.db or 0)
            keys = wire.call("SCAN", 0, "COUNT", limit)[1]
            types = wire.exchange([("TYPE", key) for key in keys])
            getters = [_GETTERS.get(str(type_, "ascii")) for type_ in types]
            return len(wire.exchange([get(key) for key, get in zip(keys, getters, strict=True) if get]))


def _named(key: str) -> tuple[int, str]:
    db, _, name = key.partition("_")
    return int(db), name
