"""Look-ups of single nodes find what is there."""

from __future__ import annotations

from io_connectors.neo4j.graph import open_graph
from io_connectors.neo4j.lookups import GraphLookups
from io_connectors.neo4j.session import Neo4jAddress
from io_connectors.secrets import SecretRef
from tests.servers.neo4j import Neo4jServer

_LABEL = "Looked`Up"


def test_nodes_are_found_by_id_around_and_by_label(neo4j_server: Neo4jServer) -> None:
    query = "CREATE (a:`Looked``Up`)-[:R]->(b:`Looked``Up`)<-[:R]-(:Other), (a)-[:R]->(b) RETURN id(a), id(b)"
    ((a, b),) = neo4j_server.run(query)
    password = SecretRef.keep("LOOKUP_PASSWORD", neo4j_server.password)
    with open_graph(Neo4jAddress.parse(neo4j_server.url, neo4j_server.user, password=password)) as graph:
        lookups = GraphLookups(graph.connection, graph.dialect)
        found = [
            lookups.by_key(_LABEL, str(a)),
            lookups.by_key(_LABEL, "999999999"),
            lookups.related(_LABEL, str(a)),
            lookups.related(_LABEL, str(b)),
            lookups.first(_LABEL, 100),
            lookups.first(_LABEL, 1),
        ]
    neo4j_server.run("MATCH (n:`Looked``Up`) DETACH DELETE n")
    neo4j_server.run("MATCH (n:Other) DELETE n")
    assert found == [1, 0, 1, 2, 2, 1]
