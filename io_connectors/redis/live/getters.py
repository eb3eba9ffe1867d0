"""Values read by the commands of their types: where DUMP is denied, unknown, or too much at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import hiredis

from io_connectors.redis.live.expiry import NOT_THERE, expire_at, expiry_commands, told_by_clock
from io_connectors.redis.live.fetched import Fetched, Gone, Refused
from io_connectors.redis.live.pieces import in_pieces
from io_connectors.redis.live.refusals import is_passing
from io_connectors.redis.live.session import Abilities
from io_connectors.redis.live.streams import read_stream
from io_connectors.redis.live.undisturbed import Disturbed, undisturbed
from io_connectors.redis.live.wire import Command, Wire
from io_connectors.redis.rows import HASH, JSON, LIST, SET, STREAM, STRING, ZSET, HashField, KeyRow, Value

_CHUNK = 100
#: What is read whole: of a chunk the server builds all replies at once.
_SMALL_BYTES, _SMALL_LENGTH = 160 * 1024, 1000

_MODULES = {"ReJSON-RL": JSON}
_LENGTHS = {STRING: "STRLEN", LIST: "LLEN", HASH: "HLEN", SET: "SCARD", ZSET: "ZCARD", STREAM: "XLEN"}
_WHOLE: dict[str, Callable[[bytes], Command]] = {
    STRING: lambda key: ("GET", key),
    LIST: lambda key: ("LRANGE", key, 0, -1),
    HASH: lambda key: ("HGETALL", key),
    SET: lambda key: ("SMEMBERS", key),
    ZSET: lambda key: ("ZRANGE", key, 0, -1, "WITHSCORES"),
    JSON: lambda key: ("JSON.GET", key),
}


class _Key(NamedTuple):
    name: bytes
    type: str
    length: int
    bytes: int


class Getters:
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

    def fetch(self, keys: Sequence[bytes]) -> Iterator[Fetched]:
        """Each key's row, or why there is none; in any order.

        Raises:
            hiredis.ReplyError: The server cannot answer now.
            OSError: The connection failed.
        """
        for start in range(0, len(keys), _CHUNK):
            found = list(self._found(keys[start : start + _CHUNK]))
            known = self._sized([one for one in found if isinstance(one, _Key)])
            small = [key for key in known if _is_small(key)]
            yield from (one for one in found if not isinstance(one, _Key))
            yield from self._whole(small)
            for key in known:
                if not _is_small(key):
                    yield self._large(key)

    def _found(self, keys: Sequence[bytes]) -> Iterator[_Key | Gone | Refused]:
        for key, reply in zip(keys, self._wire.exchange([("TYPE", key) for key in keys]), strict=True):
            if isinstance(reply, hiredis.ReplyError):
                yield refusal(key, "", reply)
                continue
            told = reply.decode(errors="replace")
            type_ = _MODULES.get(told, told)
            if type_ == "none":
                yield Gone(key)
            elif type_ in _LENGTHS or type_ in _WHOLE:
                yield _Key(key, type_, 0, 0)
            else:
                yield Refused(
                    key, type_, "only its module can read its value", "export it by the module's own commands"
                )

    def _sized(self, keys: list[_Key]) -> list[_Key]:
        """The keys with their lengths, and with their bytes where these can be asked for."""
        lengths = self._wire.exchange([(_LENGTHS.get(key.type, "EXISTS"), key.name) for key in keys])
        usage = self._abilities.memory_usage
        sizes = self._wire.exchange([("MEMORY", "USAGE", key.name) for key in keys]) if usage else lengths
        return [
            key._replace(length=_number(length), bytes=_number(size) if usage or key.type == STRING else 0)
            for key, length, size in zip(keys, lengths, sizes, strict=True)
        ]

    def _whole(self, keys: list[_Key]) -> Iterator[Fetched]:
        values = self._wire.exchange([_WHOLE[key.type](key.name) for key in keys])
        told = self._expiries([key.name for key in keys])
        for key, value, expiry in zip(keys, values, told, strict=True):
            if isinstance(value, hiredis.ReplyError):
                yield refusal(key.name, key.type, value)
            else:
                yield self._row(key, _PARSED[key.type](value) if value else value, expire_at(expiry))

    def _large(self, key: _Key) -> Fetched:
        try:
            value = undisturbed(self._wire, key.name, lambda: self._pieces(key))
        except Disturbed:
            why = "it was changed each time while it was read"
            return Refused(key.name, key.type, why, "run `engram-migrate replay` when it is left alone")
        except hiredis.ReplyError as error:
            return refusal(key.name, key.type, error)
        (told,) = self._expiries([key.name])
        return self._row(key, value, expire_at(told))

    def _pieces(self, key: _Key) -> Value | None:
        if key.type == STREAM:
            return read_stream(self._wire, key.name)
        return in_pieces(self._wire, key.name, key.type, key.bytes // max(1, key.length))

    def _row(self, key: _Key, value: Any, at: int | None) -> KeyRow | Gone:
        """The row; what is empty and no string is not there."""
        if at == NOT_THERE or value is None or (not value and key.type != STRING):
            return Gone(key.name)
        if key.type == HASH and self._abilities.field_times:
            value = self._with_times(key.name, value)
            if not value:
                return Gone(key.name)
        return KeyRow(self._db, key.name, key.type, value, at)

    def _with_times(self, key: bytes, fields: list[HashField]) -> list[HashField]:
        """The fields with the times at which they expire, without those that have."""
        times: list[int] = []
        for start in range(0, len(fields), _SMALL_LENGTH):
            names = [field.name for field in fields[start : start + _SMALL_LENGTH]]
            found = self._wire.call("HPEXPIRETIME", key, "FIELDS", len(names), *names)
            times += found or [NOT_THERE] * len(names)
        return [
            field if at < 0 else field._replace(expire_at=at)
            for field, at in zip(fields, times, strict=True)
            if at != NOT_THERE
        ]

    def _expiries(self, keys: Sequence[bytes]) -> list[Any]:
        if self._abilities.expire_time:
            return self._wire.exchange(expiry_commands(keys))
        return told_by_clock(self._wire, keys)


def refusal(key: bytes, type_: str, error: hiredis.ReplyError) -> Refused:
    """The refusal of one key.

    Raises:
        hiredis.ReplyError: The server cannot answer now: every key would be refused.
    """
    if is_passing(error):
        raise error
    return Refused(key, type_, str(error), "let the user read the key, then run `engram-migrate replay`")


def _is_small(key: _Key) -> bool:
    if key.type in (STREAM, JSON):
        return key.type == JSON
    return key.bytes <= _SMALL_BYTES and (key.type == STRING or key.length <= _SMALL_LENGTH)


def _number(reply: object) -> int:
    """A reply that is a number; 0 for what is not there or refused."""
    return reply if isinstance(reply, int) else 0


def pairs(flat: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Neighbours, two by two."""
    return list(zip(flat[::2], flat[1::2], strict=True))


_PARSED: dict[str, Callable[[Any], Value]] = {
    STRING: lambda value: value,
    LIST: lambda value: value,
    SET: lambda value: value,
    JSON: lambda value: value,
    HASH: lambda value: [HashField(name, text, None) for name, text in pairs(value)],
    ZSET: lambda value: [(member, float(score)) for member, score in pairs(value)],
}
