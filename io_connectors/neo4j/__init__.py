"""Reading Neo4j: pages of nodes and of relationships, by ranges of internal ids."""
