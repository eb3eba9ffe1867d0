"""What work costs: processor time here and in the database server, and time on the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

_HERE = ("", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Cost:
    """What some work took, in seconds.

    Attributes:
        client: Processor time of our processes.
        server: Processor time of the database server, or None where it cannot be read.
        wall: Time on the clock.
        peak: The most resident bytes of our processes, where it was looked at.
        peak_flowing: The same while pages were read and written: before edges are checked.
    """

    client: float = 0.0
    server: float | None = 0.0
    wall: float = 0.0
    peak: int = 0
    peak_flowing: int = 0

    def __add__(self, other: Cost) -> Cost:
        known = self.server is not None and other.server is not None
        server = (self.server or 0.0) + (other.server or 0.0) if known else None
        return Cost(self.client + other.client, server, self.wall + other.wall)

    @property
    def cpu(self) -> float:
        """Processor seconds of client and server."""
        return self.client + (self.server or 0.0)


Costs = Mapping[str, Cost]


@dataclass(frozen=True)
class Measured:
    """The costs of one database, the best of all rounds."""

    rows: int
    costs: Costs


class Server:
    """The processes of a database server.

    Args:
        process: The one that started the others, if there are others; None where it runs on
            another machine or may not be looked at.
    """

    def __init__(self, process: psutil.Process | None) -> None:
        self._process = process

    @classmethod
    def of(cls, dsn: str) -> Server:
        """The PostgreSQL behind a connection string."""
        with psycopg.connect(dsn) as connection:
            host = connection.info.host
            if not (host.startswith("/") or host in _HERE):
                return cls(None)
            return cls(_parent(connection.info.backend_pid))

    def cpu(self) -> float | None:
        """Processor seconds so far, in steps of a clock tick (10 ms)."""
        if self._process is None:
            return None
        while True:
            children = self._process.children()
            try:
                total = sum(seconds(child.cpu_times()) for child in children)
            except psutil.NoSuchProcess:
                continue
            # A session that ends becomes part of its parent's time: it must not be missed between.
            own = self._process.cpu_times()
            if self._process.children() == children:
                return total + seconds(own)


def seconds(times: Any) -> float:
    """A process's own seconds, and those of its children that ended."""
    return float(times.user + times.system + times.children_user + times.children_system)


def _parent(backend: int) -> psutil.Process | None:
    """The postmaster; None where that number is another machine's or container's."""
    try:
        process = psutil.Process(backend)
        parent = process.parent()
        return parent if parent and "postgres" in process.name() else None
    except psutil.Error:
        return None


class Stopwatch:
    """Adds up what named pieces of work cost."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.costs: dict[str, Cost] = {}

    @contextmanager
    def client(self, name: str) -> Iterator[None]:
        """Measures work that leaves the server alone, or that ``server`` is around."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        cost = Cost(time.process_time() - cpu, 0.0, time.perf_counter() - wall)
        self.costs[name] = self.costs.get(name, Cost()) + cost

    @contextmanager
    def server(self, name: str) -> Iterator[None]:
        """Adds what the server spends in the block to ``name``."""
        before = self._server.cpu()
        yield
        after = self._server.cpu()
        spent = None if before is None or after is None else after - before
        self.costs[name] = self.costs.get(name, Cost()) + Cost(server=spent)

    @contextmanager
    def both(self, name: str) -> Iterator[None]:
        """Measures work of client and server."""
        with self.server(name), self.client(name):
            yield


def best(rounds: Sequence[Costs]) -> dict[str, Cost]:
    """Of each piece of work the round that took the least processor time: the least disturbed."""
    return {name: min((costs[name] for costs in rounds), key=lambda cost: cost.cpu) for name in rounds[0]}


def spread(rounds: Sequence[Costs], name: str) -> float:
    """How much more the worst round took than the best, as a share of the best."""
    times = [costs[name].cpu for costs in rounds]
    return max(times) / min(times) - 1 if min(times) else 0.0


def summed(costs: Costs, *names: str) -> Cost:
    """Several pieces of work as one."""
    total = Cost()
    for name in names:
        total += costs[name]
    return total
