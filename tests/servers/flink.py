"""A local Flink behind Beam's job server, and a pool of workers for it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping

import psutil

from tests.servers.child import ChildServer
from tests.servers.neo4j import find_java, servers_folder
from tests.servers.ports import free_port

_JARS = "flink-2.62.0"
_MAIN = "org.apache.beam.runners.flink.FlinkJobServerDriver"
# Flink 1.19 looks into these on Java 17.
_OPENED = ("lang", "lang.invoke", "nio", "time", "util")


class FlinkServer(ChildServer):
    """Beam's job server, which runs Flink in its own process.

    Raises:
        LookupError: The jars or a Java are missing.
    """

    def __init__(self) -> None:
        jars, java = servers_folder() / _JARS / "lib", find_java("5")
        if not jars.is_dir() or java is None:
            raise LookupError("Beam's job server for Flink is not there; run scripts/setup-flink.sh")
        super().__init__("Flink", start_seconds=60)
        opened = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED]
        self._java = [java, *opened, "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "-cp", f"{jars}/*"]
        self.port = free_port()

    def flags(self, pool: WorkerPool) -> tuple[str, ...]:
        """What a pipeline is told to run here: two task slots, and workers from a pool."""
        return (
            *("--runner=PortableRunner", f"--job_endpoint=localhost:{self.port}", "--parallelism=2"),
            *("--environment_type=EXTERNAL", f"--environment_config=localhost:{pool.port}"),
        )

    def _command(self) -> list[str]:
        ports = (f"--job-port={self.port}", "--artifact-port=0", "--expansion-port=0")
        folder = f"--artifacts-dir={self._folder / 'artifacts'}"
        return [*self._java, _MAIN, "--flink-master=[local]", "--job-host=127.0.0.1", *ports, folder]

    def _answers(self) -> bool:
        return _listens(self.port)


class WorkerPool(ChildServer):
    """Beam's pool of Python workers, each a process, started when a runner asks for one.

    Args:
        environment: Variables of the workers: secrets, for example.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__("Workers", start_seconds=60)
        self._environment = environment
        self.port = free_port()

    def workers(self) -> list[psutil.Process]:
        """The workers that run."""
        return psutil.Process(self.pid).children(recursive=True)

    def stop(self, how: object = None) -> None:
        """Stops the pool and its workers."""
        left = self.workers() if self._process else []
        super().stop()
        for worker in left:
            if worker.is_running():
                worker.kill()

    def _command(self) -> list[str]:
        module = "apache_beam.runners.worker.worker_pool_main"
        return [sys.executable, "-m", module, f"--service_port={self.port}"]

    def _run(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        return super()._run(*command, environment={**self._environment, **(environment or {})})

    def _answers(self) -> bool:
        return _listens(self.port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
