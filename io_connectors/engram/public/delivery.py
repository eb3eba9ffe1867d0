"""Delivering a staging store to a public Engram server, and reading back every memory.

A well answered write promises nothing. So each round sends what is missing, then reads back **all**
memories, those of earlier attempts too. A memory that is neither there nor absorbed is sent again in
the next round. A round in which the server was away or started again proves nothing: another follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engram_store.errors import TargetTransientError
from engram_store.run import Run
from io_connectors.engram.public.client import IN_FLIGHT, Held, PublicServer
from io_connectors.engram.public.envelope import continuation
from io_connectors.engram.public.ledger import (
    ABSORBED,
    CONFLICT,
    IDENTICAL,
    LOST,
    SENT,
    STORED,
    DeliveryLedger,
)
from io_connectors.engram.public.staged import Parcel
from io_connectors.engram.public.survey import Survey
from io_connectors.engram.public.vectors import ComparedVectors, compare_vectors

_ROUNDS = 4
#: Memories between two entries in the ledger, and the most that a killed delivery sends again.
_AT_ONCE = 200
_SAY_EVERY = 10.0
_CONFIDENCE_DIFFERS = 1e-3


@dataclass(frozen=True, slots=True)
class Look:
    """What reading a run back came to.

    Attributes:
        verification: Its number in the run's ledger, which has the outcomes.
        vectors: What is to be said of the vectors.
    """

    verification: int
    vectors: ComparedVectors


@dataclass(frozen=True)
class Delivery:
    """The delivery of a staging store.

    Attributes:
        survey: What is staged.
        server: The server.
        held: How many memories each space held before.
        say: Shows a line to the user.
        pool: The threads that ask.
    """

    survey: Survey
    server: PublicServer
    held: Mapping[str, int]
    say: Callable[[str], None]
    pool: ThreadPoolExecutor

    def go(self) -> dict[Run, Look]:
        """Delivers until every memory was read back and nothing is left to send again.

        Returns:
            For each run, what the look that holds came to.

        Raises:
            TargetTransientError: The server is not there, or does not stay.
            TargetTerminalError: It refuses a memory.
        """
        ledgers = self.survey.ledgers
        for _ in range(_ROUNDS):
            for run, ledger in ledgers.items():
                self._send_missing(run, ledger)
            seen = self._marks()
            found = self.look()
            stayed = self._marks() == seen
            lost = any(any(ledgers[run].with_outcome(look.verification, LOST)) for run, look in found.items())
            if stayed and not lost:
                return found
        if stayed:
            return found
        raise TargetTransientError(
            f"the Engram server `{self.server.url}` was away whenever its memories were read back",
            why=f"{self.server.outages:,} connections were lost; what it lost with them cannot be told",
            suggestion="see why it ends or starts again; then run the same command again",
        )

    def look(self) -> dict[Run, Look]:
        """Reads all memories back, and compares their vectors, without sending any."""
        return {run: self._look(run, ledger) for run, ledger in self.survey.ledgers.items()}

    def _look(self, run: Run, ledger: DeliveryLedger) -> Look:
        verification = self._verify(run, ledger)
        return Look(verification, compare_vectors(self.server, self.survey, run, verification))

    def _send_missing(self, run: Run, ledger: DeliveryLedger) -> None:
        progress = _Progress(self.say, "sent")
        for parcels in self.survey.parcels(run, _AT_ONCE):
            missing = [parcel for parcel in parcels if _is_missing(parcel, ledger)]
            sent = []
            try:
                for parcel, outcome in zip(missing, self.pool.map(self._send, missing), strict=True):
                    sent.append((parcel.space, parcel.id, parcel.digest, parcel.moved, outcome))
            finally:
                ledger.note_sent(sent)
            progress.add(len(missing))

    def _send(self, parcel: Parcel) -> str:
        if self.held[parcel.space] and self._found(parcel) == STORED:
            return IDENTICAL
        for part, content in enumerate(parcel.contents, 1):
            id = continuation(parcel.id, part)
            vector = parcel.vector if part == 1 else np.zeros_like(parcel.vector)
            self.server.remember(parcel.space, id, content, vector, parcel.confidence, parcel.timestamp)
        return SENT

    def _verify(self, run: Run, ledger: DeliveryLedger) -> int:
        progress = _Progress(self.say, "read back")
        verification = ledger.next_verification()
        for parcels in self.survey.parcels(run, _AT_ONCE):
            outcomes = [
                (parcel.space, parcel.id, self._outcome(parcel, ledger, found))
                for parcel, found in zip(parcels, self.pool.map(self._found, parcels), strict=True)
            ]
            ledger.note_found(verification, outcomes)
            progress.add(len(parcels))
        return verification

    def _found(self, parcel: Parcel) -> str:
        """Whether the server has a memory: ``stored``, ``conflict``, or ``lost`` if it is not there."""
        for part, content in enumerate(parcel.contents, 1):
            held = self.server.memory(parcel.space, continuation(parcel.id, part))
            if held is None:
                return LOST
            if not _is_same(parcel, content, held):
                return CONFLICT
        return STORED

    def _outcome(self, parcel: Parcel, ledger: DeliveryLedger, found: str) -> str:
        entry = ledger.entry(parcel.space, parcel.id)
        if found == STORED and entry is not None and entry.outcome == IDENTICAL:
            return IDENTICAL
        if found == LOST and self.survey.may_be_absorbed(parcel.space, parcel.id):
            return ABSORBED
        return found

    def _marks(self) -> tuple[object, ...]:
        """What differs after an outage: lost connections, and when the server opened the spaces."""
        opened = [self.server.make_space(name).opened_at for name in self.survey.spaces]
        return (self.server.outages, *opened)


@contextmanager
def asking(server: PublicServer) -> Iterator[ThreadPoolExecutor]:
    """The threads that ask a server; what is not begun, or waits, is given up if the block fails."""
    pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="deliver")
    try:
        yield pool
    except BaseException:
        server.give_up()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Progress:
    """Says now and then how far the delivery is."""

    def __init__(self, say: Callable[[str], None], done: str) -> None:
        self._say = say
        self._what = done
        self._begun = self._said = time.monotonic()
        self._count = 0

    def add(self, count: int) -> None:
        self._count += count
        now = time.monotonic()
        if now - self._said >= _SAY_EVERY:
            self._said = now
            self._say(f"{self._count:,} memories {self._what}, {self._count / (now - self._begun):,.0f}/s")


def _is_missing(parcel: Parcel, ledger: DeliveryLedger) -> bool:
    entry = ledger.entry(parcel.space, parcel.id)
    return entry is None or entry.digest != parcel.digest or entry.outcome == LOST


def _is_same(parcel: Parcel, content: str, held: Held) -> bool:
    return (
        held.content == content
        and abs(held.confidence - parcel.confidence) <= _CONFIDENCE_DIFFERS
        and (parcel.timestamp is None or _moment(held.timestamp) == _moment(parcel.timestamp))
    )


def _moment(text: str) -> datetime | str:
    """The moment that RFC 3339 text says; the text itself if Python cannot read it."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return text
