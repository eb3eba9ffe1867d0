"""Which nodes hold which keys: one server, or the primaries of a cluster."""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from engram_store.errors import SourceError
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.refusals import translating
from io_connectors.redis.live.session import CLUSTER, SENTINEL, Session, connect
from io_connectors.retry import DEFAULT_POLICY, RetryPolicy

_SLOTS = 16384
#: A slot on its way to, or from, another node, as CLUSTER NODES shows it.
_MOVING = re.compile(rb"\[\d+-[<>]-")


@dataclass(frozen=True, slots=True)
class Span:
    """Slots of one node.

    Attributes:
        first: The first slot.
        last: The last slot.
        node: The node that serves them.
    """

    first: int
    last: int
    node: RedisAddress


class Nodes:
    """Sessions with all nodes that hold keys; close it.

    Attributes:
        sessions: By the nodes' addresses, as shown.
        spans: Slots of a cluster in their order; empty for one server.
    """

    def __init__(self, sessions: dict[str, Session], spans: Sequence[Span] = ()) -> None:
        self.sessions = sessions
        self.spans = tuple(spans)
        self._owners = [span.node.display for span in spans for _ in range(span.first, span.last + 1)]

    @property
    def any(self) -> Session:
        """One of them."""
        return next(iter(self.sessions.values()))

    def grouped(self, keys: Sequence[bytes]) -> dict[Session, list[bytes]]:
        """Keys by the node that holds them."""
        if not self._owners:
            return {self.any: list(keys)}
        groups: dict[Session, list[bytes]] = defaultdict(list)
        for key in keys:
            groups[self.sessions[self._owners[slot_of(key)]]].append(key)
        return groups

    def check_settled(self) -> None:
        """Looks whether every slot is where it was, and none is on its way.

        A key that moves from a node not yet scanned to one that was would be missed.

        Raises:
            SourceError: The cluster is being resharded.
        """
        if not self.spans:
            return
        with translating("looking at the cluster's slots"):
            moving = any(
                _MOVING.search(session.wire.call("CLUSTER", "NODES")) for session in self.sessions.values()
            )
            now = _spans(self.any, self.spans[0].node)
        if moving or now != self.spans:
            raise SourceError(
                "the cluster's slots are being moved between nodes",
                why="a key that moves while keys are listed may be seen twice, or not at all",
                suggestion="run again when it has ended; `redis-cli --cluster check` tells",
            )

    def close(self) -> None:
        """Closes all sessions."""
        for session in self.sessions.values():
            session.close()


def slot_of(key: bytes) -> int:
    """The slot of a key: by what stands in its first pair of braces, if anything does."""
    _, brace, behind = key.partition(b"{")
    tag, closing, _ = behind.partition(b"}")
    return crc_hqx(tag if brace and closing and tag else key, 0) % _SLOTS


def open_nodes(address: RedisAddress, policy: RetryPolicy = DEFAULT_POLICY) -> Nodes:
    """Opens sessions with a server, or with all primaries of the cluster that it belongs to.

    Raises:
        SourceError: One of them cannot be reached, or the server holds no keys of its own.
    """
    first = connect(address, policy)
    if first.mode == SENTINEL:
        first.close()
        raise SourceError(
            f"`{address.display}` is a sentinel, which holds no keys",
            suggestion="give the address of the server that it watches: SENTINEL MASTERS lists them",
        )
    if first.mode != CLUSTER:
        return Nodes({address.display: first})
    try:
        with translating("asking for the cluster's slots"):
            spans = _spans(first, address)
    finally:
        first.close()
    return _open_primaries(spans, policy)


def _open_primaries(spans: Sequence[Span], policy: RetryPolicy) -> Nodes:
    sessions: dict[str, Session] = {}
    try:
        for span in spans:
            if span.node.display not in sessions:
                sessions[span.node.display] = connect(span.node, policy)
    except BaseException:
        Nodes(sessions).close()
        raise
    return Nodes(sessions, spans)


def _spans(session: Session, address: RedisAddress) -> tuple[Span, ...]:
    """The slots and their primaries."""
    spans = sorted(
        (
            Span(first, last, address.at(str(host or b"", "ascii"), port))
            for first, last, (host, port, *_), *_ in session.wire.call("CLUSTER", "SLOTS")
        ),
        key=lambda span: span.first,
    )
    covered = sum(span.last - span.first + 1 for span in spans)
    if covered < _SLOTS:
        raise SourceError(
            "not every slot of the cluster has a node",
            why=f"{_SLOTS - covered:,} of {_SLOTS:,} have none; their keys cannot be read",
            suggestion="repair the cluster; `redis-cli --cluster check` tells what is missing",
        )
    return tuple(spans)
