"""The queries: pages of nodes and relationships by ranges of internal ids, and their census.

``elementId(n) IN [list]`` seeks, as ``id(n) IN range`` does on servers before 5; comparisons of
ids (``id(n) >= a``) would scan the whole store on every page. A page comes as one list in one
record: the driver spends 5 µs on a node so, and 25 on a record a node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from io_connectors.neo4j.rows import TEMPORAL
from io_connectors.neo4j.session import Server

# The only values with a text that are neither text, number, boolean nor point.
_IS_TEMPORAL = (
    "toFloatOrNull({v}) IS NULL AND toBooleanOrNull({v}) IS NULL"
    " AND toStringOrNull({v}) <> {v} AND NOT toStringOrNull({v}) STARTS WITH 'point('"
)

# The cheap tests come first. A list holds values of one type, so its first tells; a slice,
# unlike an index, is also allowed on the points and bytes that get as far as this.
_VALUE = (
    "CASE WHEN v = toStringOrNull(v) OR toFloatOrNull(v) IS NOT NULL THEN v"
    f" WHEN {_IS_TEMPORAL.format(v='v')} THEN {{{TEMPORAL}: toString(v)}}"
    f" WHEN toStringOrNull(v) IS NULL AND any(x IN v[..1] WHERE {_IS_TEMPORAL.format(v='x')})"
    f" THEN [x IN v | {{{TEMPORAL}: toString(x)}}]"
    " ELSE v END"
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server names records by internal id.

    Attributes:
        by_element_id: Whether by ``elementId`` (Neo4j 5 and newer) rather than ``id``.
        node_prefix: What a node's element id has before the internal id.
        relationship_prefix: The same of a relationship's.
    """

    by_element_id: bool
    node_prefix: str = ""
    relationship_prefix: str = ""

    @staticmethod
    def has_element_ids(server: Server) -> bool:
        """Whether the server knows ``elementId``."""
        return server.version >= (5, 0)

    @property
    def parameters(self) -> dict[str, Any]:
        """What all queries of the dialect need."""
        return {
            "node_prefix": self.node_prefix,
            "relationship_prefix": self.relationship_prefix,
            "node_skip": len(self.node_prefix),
            "relationship_skip": len(self.relationship_prefix),
        }

    def number(self, name: str, kind: str = "node") -> str:
        """The internal id of a bound node or relationship."""
        if self.by_element_id:
            return f"toInteger(substring(elementId({name}), ${kind}_skip))"
        return f"id({name})"

    def within(self, name: str, kind: str) -> str:
        """The condition that the internal id is one of ``$start`` … ``$stop - 1``."""
        if self.by_element_id:
            return f"elementId({name}) IN [i IN range($start, $stop - 1) | ${kind}_prefix + toString(i)]"
        return f"id({name}) IN range($start, $stop - 1)"


def select_nodes(dialect: Dialect) -> str:
    """One list of ``NodeRow``; parameters ``start``, ``stop``, ``identities`` and the dialect's."""
    return (
        f"MATCH (n) WHERE {dialect.within('n', 'node')} WITH n, keys(n) AS keys"
        f" RETURN collect([{dialect.number('n')}, labels(n), keys, {_values('n')}, {_identities('n')}])"
    )


def select_relationships(dialect: Dialect, mirrored: bool) -> str:
    """One list of ``RelationshipRow``; parameters as of ``select_nodes``, and ``mirrored`` if so.

    Args:
        dialect: The server's.
        mirrored: Whether types are to be mirrored, so that the way back must be looked for.
    """
    return (
        f"MATCH (s)-[r]->(e) WHERE {dialect.within('r', 'relationship')}"
        " WITH s, r, e, keys(r) AS keys"
        f" RETURN collect([{dialect.number('r', 'relationship')}, type(r),"
        f" {dialect.number('s')}, labels(s), {_identities('s')},"
        f" {dialect.number('e')}, labels(e), {_identities('e')},"
        f" keys, {_values('r')}, {_ONE_WAY if mirrored else 'false'}])"
    )


def count_nodes(dialect: Dialect) -> str:
    """(bucket, labels, count, fingerprint) of all nodes; parameters ``width`` and the dialect's."""
    return (
        f"MATCH (n) WITH {dialect.number('n')} AS id, labels(n) AS labels"
        " RETURN id / $width, labels, count(*), sum(id % 1000003 * (id % 1009 + 1))"
    )


def count_relationships(dialect: Dialect, mirrored: bool) -> str:
    """(bucket, type, count, fingerprint, one-way ones) of all relationships.

    Parameters ``width``, ``mirrored`` if types are to be mirrored, and the dialect's.
    """
    return (
        f"MATCH (s)-[r]->(e) WITH {dialect.number('r', 'relationship')} AS id, type(r) AS type,"
        f" {dialect.number('s')} AS source, {dialect.number('e')} AS target,"
        f" {_ONE_WAY if mirrored else 'false'} AS one_way"
        " RETURN id / $width, type, count(*),"
        " sum(id % 1000003 * (source % 1009 + 1) + target % 1000003),"
        " sum(CASE WHEN one_way THEN 1 ELSE 0 END)"
    )


def _values(name: str) -> str:
    return f"[v IN [k IN keys | {name}[k]] | {_VALUE}]"


def _identities(name: str) -> str:
    return f"[k IN $identities | toStringOrNull({name}[k])]"


# Neo4j 4.4 allows `exists { }` in a WHERE only.
_ONE_WAY = (
    "CASE WHEN type(r) IN $mirrored AND s <> e"
    " THEN size([(e)-[back]->(s) WHERE type(back) = type(r) | 1]) = 0 ELSE false END"
)
