"""A Neo4j to try things with: ``python -m tests.servers.run_neo4j``; Ctrl-C stops and removes it."""

from __future__ import annotations

import signal
from contextlib import suppress

from tests.servers.neo4j import Neo4jServer

if __name__ == "__main__":
    with suppress(KeyboardInterrupt), Neo4jServer() as server:
        print(f"export SOURCE={server.url}")
        print(f"export ENGRAM_MIGRATE_SOURCE_PASSWORD={server.password}", flush=True)
        signal.pause()
