"""A command and all the processes that it starts, looked at while they work."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from benchmarks.measuring import seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """What a command's processes have taken at one moment.

    Attributes:
        wall: Seconds since it was started.
        cpu: Processor seconds so far, of those that ended too.
        resident: Resident bytes of all of them; what they share counts in each.
    """

    wall: float
    cpu: float
    resident: int


def follow(process: subprocess.Popen[bytes], look: Callable[[Sample], None], every: float) -> float:
    """Looks at a process until it ends.

    Args:
        process: Just started.
        look: Called with each sample.
        every: Seconds between two samples.

    Returns:
        Processor seconds of the process and the children it waited for.
    """
    root, begun = psutil.Process(process.pid), time.perf_counter()
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        look(_sample(root, time.perf_counter() - begun))
        time.sleep(every)


def _sample(root: psutil.Process, wall: float) -> Sample:
    cpu, resident = 0.0, 0
    for process in _family(root):
        try:
            resident += process.memory_info().rss
            cpu += seconds(process.cpu_times())
        except psutil.NoSuchProcess:
            continue
    return Sample(wall, cpu, resident)


def _family(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
