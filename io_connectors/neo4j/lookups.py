"""Look-ups of single nodes: by internal id, over their relationships, and the first of a label."""

from __future__ import annotations

from dataclasses import dataclass

from io_connectors.lookups import MOST_RELATED
from io_connectors.neo4j.reads import Dialect
from io_connectors.neo4j.session import Connection, translating


@dataclass(frozen=True, slots=True)
class GraphLookups:
    """Look-ups in a database; see ``SourceLookups``.

    Args:
        connection: Open.
        dialect: How its records are named.
    """

    connection: Connection
    dialect: Dialect

    def by_key(self, kind: str, key: str) -> int | None:
        """Reads a node."""
        return self._rows(f"MATCH (n) WHERE {self._is()} RETURN n", id=self._id(key))

    def related(self, kind: str, key: str) -> int | None:
        """Reads the nodes around a node."""
        query = f"MATCH (n)--(m) WHERE {self._is()} RETURN DISTINCT m LIMIT {MOST_RELATED}"
        return self._rows(query, id=self._id(key))

    def first(self, kind: str, limit: int) -> int | None:
        """Reads the first nodes of a label; of none, any nodes."""
        label = ":`{}`".format(kind.replace("`", "``")) if kind else ""
        return self._rows(f"MATCH (n{label}) RETURN n LIMIT $limit", limit=limit)

    def _rows(self, query: str, **parameters: object) -> int:
        with translating("looking up single nodes"):
            return len(self.connection.read(query, **parameters))

    def _is(self) -> str:
        return "elementId(n) = $id" if self.dialect.by_element_id else "id(n) = $id"

    def _id(self, key: str) -> str | int:
        return f"{self.dialect.node_prefix}{key}" if self.dialect.by_element_id else int(key)
