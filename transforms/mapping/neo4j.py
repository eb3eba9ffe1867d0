"""MapNeo4j: nodes become memories, relationships become edges.

    mapped = pages | MapNeo4j(mapping)

A node's memory holds its labels and properties as JSON without loss (``graph_values``). A
relationship becomes one edge from the memory of its start to the memory of its end, parallels
and self loops included; of a type that counts both ways, one more goes back unless the source
has one. A page holds either nodes or relationships.
"""

from __future__ import annotations

from functools import partial

from io_connectors.neo4j.rows import NODES
from io_connectors.pages import MappedPage, SourcePage
from transforms.mapping.graph_choices import GraphMapping
from transforms.mapping.graph_edges import map_relationships, mirror_origin
from transforms.mapping.graph_nodes import SYSTEM, map_nodes
from transforms.mapping.map_pages import MapPages

__all__ = ["SYSTEM", "MapNeo4j", "map_page", "mirror_origin"]


class MapNeo4j(MapPages):
    """``SourcePage`` → ``MappedPage``; records that cannot be mapped become dead letters.

    Args:
        mapping: How records become memories and edges.
    """

    def __init__(self, mapping: GraphMapping) -> None:
        super().__init__("Graph to memories and edges", partial(map_page, mapping=mapping))


def map_page(page: SourcePage, mapping: GraphMapping) -> MappedPage:
    """The memories, or edges, and dead letters of one page of nodes, or of relationships."""
    return map_nodes(page, mapping) if page.relation == NODES else map_relationships(page, mapping)
