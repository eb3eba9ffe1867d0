"""A local worker process: Beam's own, quiet on stderr, and gone as soon as its launcher is.

What it logs goes through Beam to the launcher, which shows it in the form the user chose.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import redirect_stderr

import psutil

#: Tells a worker the process id of its launcher.
LAUNCHER = "ENGRAM_MIGRATE_LAUNCHER_PID"
_LOOK_EVERY = 0.5


def command() -> str:
    """The command line with which Beam shall start local workers of this process."""
    os.environ[LAUNCHER] = str(os.getpid())
    # exec: Beam starts it through a shell, which would stay as one process more a worker.
    return f"exec '{sys.executable}' -m pipelines.worker"


def main() -> None:
    """Runs Beam's worker until the work is done or the launcher has ended."""
    logging.getLogger().addHandler(logging.NullHandler())
    launcher = psutil.Process(int(os.environ[LAUNCHER]))
    threading.Thread(target=_end_with, args=(launcher,), name="launcher watch", daemon=True).start()
    from apache_beam.runners.worker import sdk_worker_main

    # Beam prints the traceback of a failed bundle, which the launcher gets as well. What makes
    # the worker itself fail is raised, and shown by Python.
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        sdk_worker_main.main(sys.argv)


def _end_with(launcher: psutil.Process) -> None:
    """Without this, workers of a killed launcher would read and write for seconds more."""
    while launcher.is_running() and launcher.status() != psutil.STATUS_ZOMBIE:
        time.sleep(_LOOK_EVERY)
    os._exit(1)


if __name__ == "__main__":
    main()
