"""Runs Cypher statements on a Neo4j, where no cypher-shell is at hand.

    python -m demo.cypher neo4j://localhost:7687 <statements.cypher

A statement ends in ``;`` at the end of a line. User and password are those of the migration.
"""

from __future__ import annotations

import os
import sys

from neo4j import GraphDatabase

from io_connectors.neo4j.session import Neo4jAddress

PASSWORD = "ENGRAM_MIGRATE_SOURCE_PASSWORD"


def run(source: str, script: str) -> str:
    """Runs each statement in a transaction of its own.

    Args:
        source: As ``--source`` of ``python -m pipelines.neo4j``.
        script: The statements.

    Returns:
        What they made, in words.
    """
    address = Neo4jAddress.parse(source)
    nodes = relationships = 0
    with GraphDatabase.driver(address.url, auth=(address.user, os.environ.get(PASSWORD, ""))) as driver:
        for statement in statements(script):
            made = driver.execute_query(statement, database_=address.database or None).summary.counters
            nodes += made.nodes_created
            relationships += made.relationships_created
    return f"{nodes:,} nodes and {relationships:,} relationships were made"


def statements(script: str) -> list[str]:
    """A script's statements."""
    return [statement for part in f"{script}\n".split(";\n") if (statement := part.strip())]


if __name__ == "__main__":
    print(run(sys.argv[1], sys.stdin.read()))
