"""Values of keys: DUMP payloads, decoded by the codec that also reads dump files.

Payloads of many keys come in one exchange, as many as are few bytes together: first the server is
asked for the keys' sizes. What has no payload, or one that is too large or not known to the
codec, is read by the commands of its type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import hiredis

from engram_store.errors import SourceError
from io_connectors.redis.live.expiry import NOT_THERE, expire_at, expiry_commands, told_by_clock
from io_connectors.redis.live.fetched import Fetched, Gone, Refused
from io_connectors.redis.live.getters import Getters
from io_connectors.redis.live.refusals import is_passing
from io_connectors.redis.live.session import Abilities
from io_connectors.redis.live.wire import Command, Wire
from io_connectors.redis.rdb import decode_dump
from io_connectors.redis.rows import KeyRow

#: Keys an exchange.
_CHUNK = 1000
#: Bytes that the values of an exchange may take in the server: it builds all payloads at once.
_EXCHANGE_BYTES = 16 * 1024 * 1024
#: Bytes of a value that is read in pieces: a payload blocks the server while it is made.
BIG_BYTES = 64 * 1024 * 1024


class Values:
    """Reads the values of one database's keys.

    Args:
        wire: A connection, with the database selected.
        db: The database.
        abilities: What can be done there.
    """

    def __init__(self, wire: Wire, db: int, abilities: Abilities) -> None:
        self._wire = wire
        self._db = db
        self._abilities = abilities
        self._getters = Getters(wire, db, abilities)

    def fetch(self, keys: Sequence[bytes]) -> Iterator[Fetched]:
        """Each key's row, or why there is none; in any order.

        Raises:
            hiredis.ReplyError: The server cannot answer now.
            OSError: The connection failed.
        """
        if not self._abilities.dump:
            yield from self._getters.fetch(keys)
            return
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            small, big = self._by_size(chunk)
            for few in small:
                yield from self._dumped(few)
            yield from self._getters.fetch(big)

    def _by_size(self, keys: Sequence[bytes]) -> tuple[list[list[bytes]], list[bytes]]:
        """Groups of keys that are few bytes together, and the keys that are to be read in pieces."""
        if not self._abilities.memory_usage:
            return [list(keys)], []
        sizes = self._wire.exchange([("MEMORY", "USAGE", key) for key in keys])
        groups: list[list[bytes]] = [[]]
        big, taken = [], 0
        for key, size in zip(keys, sizes, strict=True):
            bytes_ = size if isinstance(size, int) else 0
            if bytes_ > BIG_BYTES:
                big.append(key)
                continue
            if groups[-1] and taken + bytes_ > _EXCHANGE_BYTES:
                groups.append([])
                taken = 0
            groups[-1].append(key)
            taken += bytes_
        return groups, big

    def _dumped(self, keys: Sequence[bytes]) -> Iterator[Fetched]:
        others: dict[bytes, str] = {}
        for key, payload, expiry in zip(keys, *self._payloads_and_expiries(keys), strict=True):
            if payload is None:
                yield Gone(key)
            elif isinstance(payload, hiredis.ReplyError):
                others[key] = _told(payload)
            elif (at := expire_at(expiry)) == NOT_THERE:
                yield Gone(key)
            else:
                try:
                    type_, value = decode_dump(payload)
                except SourceError as error:
                    others[key] = error.why
                else:
                    yield KeyRow(self._db, key, type_, value, at)
        yield from self._by_commands(others)

    def _payloads_and_expiries(self, keys: Sequence[bytes]) -> tuple[list[Any], list[Any]]:
        """First the payload: a key that is gone after it is gone."""
        dumps: list[Command] = [("DUMP", key) for key in keys]
        if self._abilities.expire_time:
            replies = self._wire.exchange([*dumps, *expiry_commands(keys)])
            return replies[: len(keys)], replies[len(keys) :]
        return self._wire.exchange(dumps), told_by_clock(self._wire, keys)

    def _by_commands(self, reasons: dict[bytes, str]) -> Iterator[Fetched]:
        for fetched in self._getters.fetch(list(reasons)):
            if isinstance(fetched, Refused):
                yield fetched._replace(reason=f"{fetched.reason}; DUMP: {reasons[fetched.key]}")
            else:
                yield fetched


def _told(error: hiredis.ReplyError) -> str:
    """Why a key was refused.

    Raises:
        hiredis.ReplyError: The server cannot answer now: every key would be refused.
    """
    if is_passing(error):
        raise error
    return str(error)
