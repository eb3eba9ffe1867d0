"""What a fetched row's columns mean: the agreement between the reader and the mapper.

Values are as the driver decodes them, but for temporals: the server turns each into its own
text, because the driver would spend 40 µs on one, drop a zone's name, and break on years that
Python has not. A property is never a map, so a map can only be such a text:
``{"t": "2024-10-27T02:30+01:00[Europe/Paris]"}``; a list of temporals is a list of these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: The relations of a source page: what its rows are.
NODES = "nodes"
RELATIONSHIPS = "relationships"

#: The key of the map that stands for a temporal value.
TEMPORAL = "t"


class NodeRow(NamedTuple):
    """One node.

    Attributes:
        id: Its internal id.
        labels: Its labels, in the server's order.
        keys: Names of its properties.
        values: Their values, in the same order.
        identities: The texts of the properties that may name a node (``--id-property``), None
            where it has none; empty when no property does.
    """

    id: int
    labels: list[str]
    keys: list[str]
    values: list[Any]
    identities: list[str | None]


class RelationshipRow(NamedTuple):
    """One relationship, with what tells its ends' memories without a join.

    Attributes:
        id: Its internal id.
        type: Its type.
        start: The internal id of the node it leaves.
        start_labels: That node's labels.
        start_identities: As ``NodeRow.identities``.
        end: The internal id of the node it enters.
        end_labels: That node's labels.
        end_identities: As ``NodeRow.identities``.
        keys: Names of its properties.
        values: Their values, in the same order.
        one_way: For types that are to be mirrored: whether no relationship of this type goes
            back. False for self loops and for all other types.
    """

    id: int
    type: str
    start: int
    start_labels: list[str]
    start_identities: list[str | None]
    end: int
    end_labels: list[str]
    end_identities: list[str | None]
    keys: list[str]
    values: list[Any]
    one_way: bool
