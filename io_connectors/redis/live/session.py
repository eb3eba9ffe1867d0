"""Sessions with a server: who we are, what it is, and what it lets us do."""

from __future__ import annotations

import time
from dataclasses import dataclass

import hiredis

from engram_store.errors import SourceError
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.expiry import milliseconds
from io_connectors.redis.live.refusals import is_passing, translating
from io_connectors.redis.live.wire import Wire, dial
from io_connectors.retry import DEFAULT_POLICY, RetryPolicy, retrying

#: For a server that answered before: a killed one may load its data for minutes. 150 s of waits.
PATIENT = RetryPolicy(attempts=12)

CLUSTER, SENTINEL = "cluster", "sentinel"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the server knows and the user may do; asked, because proxies and ACLs know best.

    Attributes:
        dump: DUMP.
        memory_usage: MEMORY USAGE, which Redis has since 4.0.
        expire_time: PEXPIRETIME, since 7.0.
        field_times: HPEXPIRETIME, since Redis 7.4 and Valkey 9.
    """

    dump: bool
    memory_usage: bool
    expire_time: bool
    field_times: bool


class Session:
    """A connection on which we are who we are.

    Attributes:
        wire: The connection; its database is the one selected last.
        mode: ``standalone``, ``cluster`` or ``sentinel``.
    """

    def __init__(self, wire: Wire, mode: str) -> None:
        self.wire = wire
        self.mode = mode
        self._db = 0

    def select(self, db: int) -> Wire:
        """The connection, with a database selected.

        Raises:
            hiredis.ReplyError: There is no such database.
        """
        if db != self._db:
            self.wire.call("SELECT", db)
            self._db = db
        return self.wire

    def abilities(self) -> Abilities:
        """What can be done here."""
        dump, memory, expire, fields = self.wire.exchange(
            [
                ("DUMP", ""),
                ("MEMORY", "USAGE", ""),
                ("PEXPIRETIME", ""),
                ("HPEXPIRETIME", "", "FIELDS", 1, ""),
            ]
        )
        return Abilities(_is_there(dump), _is_there(memory), _is_there(expire), _is_there(fields))

    def clock(self) -> int:
        """The server's clock, or ours where it does not tell: milliseconds since 1970."""
        (told,) = self.wire.exchange([("TIME",)])
        return time.time_ns() // 1_000_000 if isinstance(told, hiredis.ReplyError) else milliseconds(told)

    def close(self) -> None:
        """Closes the connection."""
        self.wire.close()


def connect(address: RedisAddress, policy: RetryPolicy = DEFAULT_POLICY) -> Session:
    """Opens a session, and tries again on transient failures.

    Args:
        address: The server.
        policy: How patiently.

    Raises:
        SourceError: It cannot be opened.
    """
    return retrying(lambda: _connect_once(address), policy)


def _connect_once(address: RedisAddress) -> Session:
    with translating(f"connecting to `{address.display}`"):
        wire = dial(address)
        try:
            _authenticate(wire, address)
            # A server that loads its data answers all else that is asked here.
            wire.call("SCAN", 0, "COUNT", 1)
            return Session(wire, _mode(wire))
        except BaseException:
            wire.close()
            raise


def _authenticate(wire: Wire, address: RedisAddress) -> None:
    if address.password is not None:
        user = (address.user,) if address.user else ()
        wire.call("AUTH", *user, address.password.resolve())
    elif address.user:
        raise SourceError(
            f"the user `{address.user}` was given without a password",
            suggestion="set ENGRAM_MIGRATE_SOURCE_PASSWORD, or name a file: `--source-password-file`",
        )


def _mode(wire: Wire) -> str:
    """How the server runs: by HELLO, which every user may call, before Redis 6 by INFO."""
    hello, info = wire.exchange([("HELLO", 2), ("INFO", "server")])
    if isinstance(hello, list):
        facts = dict(zip(hello[::2], hello[1::2], strict=True))
        return str(facts[b"mode"], "ascii")
    if isinstance(info, bytes):
        return str(_info(info).get(b"redis_mode", b"standalone"), "ascii")
    return "standalone"


def databases_of(wire: Wire) -> list[int]:
    """The databases that hold keys.

    Raises:
        hiredis.ReplyError: The user may not ask.
    """
    return sorted(int(name[2:]) for name in _info(wire.call("INFO", "keyspace")) if name.startswith(b"db"))


def _info(text: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in text.splitlines() if b":" in line)
    return {name: value for name, _, value in pairs}


def _is_there(reply: object) -> bool:
    """Whether a command is known, and allowed on any keys at all."""
    if not isinstance(reply, hiredis.ReplyError):
        return True
    if is_passing(reply):
        raise reply
    told = str(reply).lower()
    return not ("unknown" in told or (told.startswith("noperm") and "command" in told))
