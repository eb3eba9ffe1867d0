"""A slow target slows the source: pages wait to be read, not in memory."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
import pytest

from demo import cache
from io_connectors.engram.http.client import IN_FLIGHT
from tests.pipelines.command import start
from tests.server.proxy import Fault, Proxy
from tests.server.serving import Serving

SECONDS_A_PAGE = 0.15
#: Bytes by which memory may grow while pages flow: less than the pages hold that are still to come.
GROWTH = 48 * 2**20


class Slow:
    """Holds each page back; knows how many were held at once, and the memory of a process at each page."""

    def __init__(self) -> None:
        self.most = self.pages = self._held = 0
        self.memory: list[int] = []
        self.watched: psutil.Process | None = None
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str) -> Fault | None:
        if method != "PUT" or "/pages/" not in path:
            return None
        with self._lock:
            self._held += 1
            self.most = max(self.most, self._held)
            if self.watched:
                self.memory.append(_memory(self.watched))
        time.sleep(SECONDS_A_PAGE)
        with self._lock:
            self._held -= 1
        return None


def _memory(process: psutil.Process) -> int:
    family = [process, *process.children(recursive=True)]
    return sum(one.memory_info().rss for one in family if one.is_running())


@pytest.mark.slow
def test_memory_stays_flat_behind_a_slow_server(tmp_path: Path) -> None:
    cache.build(tmp_path / "shop.rdb", products=5_000)
    slow = Slow()
    with Serving(tmp_path / "store") as server, Proxy(server.port, slow) as proxy:
        flags = ("--use-rdb", str(tmp_path / "shop.rdb"), "--target", proxy.url, "--batch-size", "500")
        began = time.monotonic()
        running = start("pipelines.redis", *flags, "--parallel-workers", "1", "--no-validate")
        slow.watched = running.family
        running.end().succeeded()
    assert len(slow.memory) >= 40
    assert time.monotonic() - began > 40 * SECONDS_A_PAGE / IN_FLIGHT
    assert slow.most <= IN_FLIGHT
    assert max(slow.memory[20:]) - slow.memory[8] < GROWTH
