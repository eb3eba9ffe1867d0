"""Killed, cut off, started again: nothing is lost, and nothing that the server lost is taken for stored."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest

from engram_store.errors import (
    ConfigurationError,
    TargetTransientError,
)
from io_connectors.engram.public import delivery
from io_connectors.engram.public.client import Held
from pipelines.delivered import delivery_checks
from tests.engram_double.double import EngramDouble
from tests.engram_double.spaces import Quirks
from tests.engram_public.staging import IDS, finalized, home_of, outcomes, staged
from tests.pipelines.command import until
from tests.server.proxy import FAULTS, Fault, Proxy


def test_a_write_that_is_answered_well_and_lost_is_sent_again(double: EngramDouble, tmp_path: Path) -> None:
    double.quirks.loses_once |= {IDS[3], IDS[7]}
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    finalized(home)
    assert outcomes(run) == {"stored": 40} and len(double.state.written) == 42


class Killed(BaseException):
    """As if the process were gone."""


def test_a_killed_delivery_goes_on(double: EngramDouble, tmp_path: Path) -> None:
    run = staged(home_of(tmp_path, double), IDS)
    home = home_of(tmp_path, double)
    with patch.object(delivery, "_AT_ONCE", 10):
        remember, written = home._server.remember, threading.Semaphore(25)

        def until_killed(*arguments: object) -> None:
            if not written.acquire(blocking=False):
                raise Killed
            remember(*arguments)  # type: ignore[arg-type]

        with patch.object(home._server, "remember", until_killed), pytest.raises(Killed):
            finalized(home)
        assert 20 <= len(double.state.written) <= 25
        with pytest.raises(ConfigurationError, match="cannot be taken back"):
            home.undo("first")
        finalized(home_of(tmp_path, double))
    assert len(double.state.written) == 40
    assert sum(outcomes(run).values()) == 40 and delivery_checks(run)[0].passed


def test_after_an_outage_everything_is_read_back_again(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    memory, reads = home._server.memory, []

    def restarting(space: str, id: str) -> Held | None:
        found = memory(space, id)
        reads.append(id)
        if len(reads) == 35:
            # What was found well a moment ago is gone.
            double.restart(losing=20)
        return found

    with patch.object(home._server, "memory", restarting):
        finalized(home)
    assert outcomes(run) == {"stored": 40} and double.ids("users") == set(IDS)
    assert len(double.state.written) == 60
    assert len(reads) >= 3 * 40


def test_a_server_that_starts_again_while_it_is_sent_to(tmp_path: Path) -> None:
    with EngramDouble(Quirks(seconds=0.01)) as double:
        home = home_of(tmp_path, double)
        run = staged(home, [f"users_{n}" for n in range(300)])
        sending = threading.Thread(target=finalized, args=(home,))
        sending.start()
        until(lambda: len(double.state.written) >= 100)
        double.restart(losing=30)
        sending.join()
    assert outcomes(run) == {"stored": 300} and len(double.ids("users")) == 300
    assert run.finding("delivery")["outages"] > 0


class Cycling:
    """Each fault three times, one in every four requests."""

    def __init__(self) -> None:
        self.met = Counter[Fault]()
        self._asked = 0
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self._asked += 1
            if self._asked % 4 or self.met.total() == 3 * len(FAULTS):
                return None
            fault = FAULTS[self.met.total() % len(FAULTS)]
            self.met[fault] += 1
            return fault


def test_a_network_and_a_server_in_trouble(double: EngramDouble, tmp_path: Path) -> None:
    trouble = Cycling()
    with Proxy(double.port, trouble) as proxy:
        home = home_of(tmp_path, double, url=proxy.url)
        run = staged(home, IDS)
        finalized(home)
    assert trouble.met == dict.fromkeys(FAULTS, 3)
    assert double.ids("users") == set(IDS) and delivery_checks(run)[0].passed


def test_a_restart_between_two_requests_is_seen(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    make_space, made = home._server.make_space, []

    def restarting(name: str) -> object:
        made.append(name)
        if len(made) == 3:
            # After everything was read back: no request is under way that could be cut.
            home._server.close()
            double.restart(losing=5)
        return make_space(name)

    with patch.object(home._server, "make_space", restarting):
        finalized(home)
    assert outcomes(run) == {"stored": 40} and double.ids("users") == set(IDS)


def test_a_server_that_never_stays_ends_it(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    staged(home, IDS)
    memory = home._server.memory

    def away(space: str, id: str) -> Held | None:
        home._server.outages += 1
        return memory(space, id)

    with (
        patch.object(home._server, "memory", away),
        pytest.raises(TargetTransientError, match="was away whenever"),
    ):
        finalized(home)
    run = home.run("first")
    assert run.finding("delivery").get("spaces") is None


def test_a_server_that_is_gone_ends_it_and_it_goes_on(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    double.stop()
    with pytest.raises(TargetTransientError, match="cannot be reached"):
        finalized(home)
    double.start()
    finalized(home_of(tmp_path, double))
    assert outcomes(run) == {"stored": 40}
