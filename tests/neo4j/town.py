"""A town as a graph: enough pages to stop between, and internal ids with holes."""

from __future__ import annotations

from tests.servers.neo4j import Neo4jServer

#: 6,000 people, of whom 1,714 have left: 4,286 nodes and 8,571 relationships, in pages of 100 ids.
PEOPLE = 6_000
PAGE = ("--batch-size", "100")

_STREETS = ("Harbour", "Hill", "Mill", "Church", "Station")

_MAKE = (
    "UNWIND range(1, $people) AS i"
    " CREATE (p:Person {number: i, name: 'Resident ' + toString(i), bio: 'Lives in ' + $streets[i % 5]})"
    " FOREACH (_ IN CASE i % 3 WHEN 0 THEN [1] ELSE [] END | SET p:Voter)",
    "MATCH (p:Person) WITH p ORDER BY p.number WITH collect(p) AS people"
    " UNWIND range(0, size(people) - 1) AS i WITH people[i] AS one, people[(i + 1) % size(people)] AS next,"
    " people[(i * 7) % size(people)] AS other"
    " CREATE (one)-[:NEXT_TO {side: 'left'}]->(next), (one)-[:KNOWS {strength: one.number % 10}]->(other)",
    # One in seven, and a whole street: single holes, and pages without a record.
    "MATCH (p:Person) WHERE p.number % 7 = 0 OR 2000 < p.number <= 3000 DETACH DELETE p",
)


def make_town(server: Neo4jServer, people: int = PEOPLE) -> None:
    """Fills an empty server."""
    for statement in _MAKE:
        server.run(statement, people=people, streets=_STREETS)
