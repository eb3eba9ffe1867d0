"""The command as a user runs it: a process of its own, in a clean environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent.parent
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def failed(self, code: int, *words: str) -> None:
        """Asserts that it ended with this code and one helpful error that says these words."""
        assert self.code == code, self
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.err
        assert "Traceback" not in self.err, self.err
        assert "  try: " in self.err, self.err
        for word in words:
            assert word in self.err, self.err

    def succeeded(self) -> None:
        """Asserts that it ended well and said nothing of a failure."""
        assert self.code == 0, self
        assert "error:" not in self.err and "Traceback" not in self.err, self.err


class Started:
    """A command that runs."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env=_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.family = psutil.Process(self._process.pid)

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        return workers_of(self.family)

    def running(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, seconds: float = _SECONDS) -> Ended:
        """Waits for its end; it is killed if that does not come."""
        try:
            out, err = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, err = self._process.communicate()
            raise AssertionError(f"not ended after {seconds} s\n{out}\n{err}") from None
        return Ended(self._process.returncode, out, err)


def start(*arguments: str, environment: Mapping[str, str] | None = None) -> Started:
    """Starts ``python -m …``."""
    return Started(arguments, environment or {})


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Runs ``python -m …`` to its end."""
    return start(*arguments, environment=environment).end()


def verb(*arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Runs ``engram-migrate …``."""
    return run("pipelines", *arguments, environment=environment)


def migration(
    source: str, target: Path, *flags: str, pipeline: str = "pipelines.postgresql"
) -> tuple[str, ...]:
    """The arguments of a migration; two workers, if the flags do not say."""
    workers = () if "--parallel-workers" in flags else ("--parallel-workers", "2")
    return (pipeline, "--source", source, "--target", str(target), *workers, *flags)


def migrate(source: str, target: Path, *flags: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Runs a migration from PostgreSQL to its end."""
    return run(*migration(source, target, *flags), environment=environment)


def stopped(process: Started, how: signal.Signals) -> Ended:
    """Signals a migration and checks that no process of its family is left."""
    workers = process.family.children(recursive=True)
    process.signal(how)
    ended = process.end(60)
    assert gone(workers)
    return ended


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """The worker processes of a process that runs a pipeline."""
    family = process.children(recursive=True)
    return [child for child in family if "pipelines.worker" in child.cmdline()]


def gone(processes: list[psutil.Process], seconds: float = 10.0) -> bool:
    """Whether all these processes have ended, or do so soon."""
    return not psutil.wait_procs(processes, timeout=seconds)[1]


def until(condition: object, seconds: float = 60.0) -> None:
    """Waits until a condition holds."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.01)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "ENGRAM"))}
    return {**ours, "COLUMNS": "100", **more}
