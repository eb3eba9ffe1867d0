"""The sample graphs, each on a server of its own, and what is known to be in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

from demo.cypher import statements
from tests.servers.neo4j import Neo4jServer, chosen_version, major

GRAPH_NAMES = ("movies", "northwind", "edgecases")

#: No statement can write bytes, so the sample's came from a driver's parameter.
BYTES = b"\x00\x01\xff"
_BYTES = "MATCH (n:Lists) SET n.bytes = $bytes"


class Neo4jSamples:
    """Servers with a sample each, to be read only; started when first asked for.

    Args:
        samples: The folder that holds ``neo4j/``.
        missing: Called with the reason where this version of Neo4j is not there, or cannot load
            a sample.
    """

    def __init__(self, samples: Path, missing: Callable[[str], NoReturn]) -> None:
        self._folder = samples / "neo4j"
        self._missing = missing
        self._servers: dict[str, Neo4jServer] = {}
        self._running = ExitStack()

    def __call__(self, name: str) -> Neo4jServer:
        """The server of a sample."""
        if name not in self._servers:
            self._servers[name] = self._start(name)
        return self._servers[name]

    def truth(self, name: str) -> dict[str, Any]:
        """What is known of a sample."""
        truth: dict[str, Any] = json.loads((self._folder / name / "truth.json").read_text(encoding="utf-8"))
        return truth

    def close(self) -> None:
        """Stops and removes the servers."""
        self._running.close()

    def _start(self, name: str) -> Neo4jServer:
        script = self._folder / name / f"{name}.cypher"
        if not script.exists() and major(chosen_version()) < 5:
            self._missing(f"the sample `{name}` is a dump of Neo4j 5, and this is {chosen_version()}")
        try:
            server = Neo4jServer()
        except LookupError as error:
            self._missing(str(error))
        self._running.callback(server.remove)
        if not script.exists():
            server.load_dump(self._folder / name / f"{name}-50.dump")
        server.start()
        if script.exists():
            for statement in statements(script.read_text(encoding="utf-8")):
                server.run(statement)
            server.run(_BYTES, bytes=BYTES)
        return server
