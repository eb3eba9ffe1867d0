"""One migration at a time: claims in the bucket, since its file system has no conditional put.

Whoever wants the store puts a claim of its own, then lists all claims. If another is alive, it takes
its own back and gives up. Of two that put at the same moment, each lists the other's, since a list
shows what was put before; so both may give up, but never do both go on. A claim is put again every
ten seconds, and counts for a minute by the storage's clock. A holder that was stopped for longer
finds its claim void before it publishes anything.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from uuid import getnode, uuid4

import orjson
import psutil

from engram_store.errors import AGAIN, MigrationError, TargetTransientError
from io_connectors.engram.objects.bucket import Bucket

_FOLDER = "locks"
_REFRESHED = 10.0
_COUNTS = 60.0

_log = logging.getLogger(__name__)


class Claim:
    """A process's claim on a store.

    Args:
        bucket: The store.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._name = f"{_FOLDER}/{uuid4().hex}.json"
        self._document = orjson.dumps(
            {
                "process": os.getpid(),
                "host": socket.gethostname(),
                "machine": _machine(),
                "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            }
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the store for the length of the block.

        Raises:
            TargetTransientError: Another migration holds it.
        """
        done = threading.Event()
        try:
            self._put()
            self._refuse_others()
            refreshing = threading.Thread(target=self._refresh, args=(done,), name="claim", daemon=True)
            refreshing.start()
            try:
                yield
            finally:
                done.set()
                refreshing.join()
        finally:
            # Where the storage is not to be had, the claim is void after a minute.
            with suppress(MigrationError):
                self._bucket.remove([self._name])

    def require(self) -> None:
        """Makes sure that the store is still held, and nobody else's.

        Raises:
            TargetTransientError: The claim is gone, or others took the store over.
        """
        if not self._bucket.facts([self._name]):
            raise TargetTransientError(
                f"the claim on `{self._bucket.shown}` is gone",
                why="it was not renewed in time, and another migration took it away",
                suggestion=f"see what else writes there; {AGAIN}",
                example=f"engram-migrate status --target {self._bucket.shown}",
            )
        self._put()
        self._refuse_others()

    def _put(self) -> None:
        self._bucket.put(self._name, self._document)

    def _refuse_others(self) -> None:
        claims = self._bucket.objects(_FOLDER)
        now = max(facts.written for facts in claims.values()) if claims else 0
        for name in claims.keys() - {self._name}:
            age = (now - claims[name].written) / 1e9
            holder = _Holder.read(self._bucket.read(name))
            if age > _COUNTS or holder.is_gone():
                _log.warning("the claim of %s was left behind, and is taken away", holder)
                self._bucket.remove([name])
                continue
            raise TargetTransientError(
                f"the store `{self._bucket.shown}` is in use by {holder}",
                why=f"one migration at a time may write to a store; it last said so {age:.0f} s ago",
                suggestion="wait until it ends, or stop it; it counts as gone a minute after its last word",
                example=f"engram-migrate status --target {self._bucket.shown}",
            )

    def _refresh(self, done: threading.Event) -> None:
        while not done.wait(_REFRESHED):
            try:
                # A claim that another took away stays away; ``require`` tells.
                if self._bucket.facts([self._name]):
                    self._put()
            except MigrationError as error:
                _log.warning("the claim could not be renewed: %s", error.what)


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who made a claim."""

    found: dict[str, Any]

    @classmethod
    def read(cls, data: bytes | None) -> _Holder:
        try:
            found = orjson.loads(data or b"{}")
        except ValueError:
            found = {}
        return cls(found if isinstance(found, dict) else {})

    def is_gone(self) -> bool:
        """Whether it was a process of this machine that has ended."""
        process = self.found.get("process")
        if self.found.get("machine") != _machine() or not isinstance(process, int):
            return False
        return not psutil.pid_exists(process)

    def __str__(self) -> str:
        shown = (self.found.get(part, "unknown") for part in ("process", "host", "since"))
        return "process {} on {} since {}".format(*shown)


def _machine() -> str:
    """What tells this machine, or container, from others: its name, address and processes."""
    processes = ""
    with suppress(OSError):
        processes = os.readlink("/proc/self/ns/pid")
    return f"{socket.gethostname()} {getnode():x} {processes}"
