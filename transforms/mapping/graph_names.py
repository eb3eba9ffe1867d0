"""What a node's memory is called and where it goes, told from the node's labels.

A relationship finds the memories of its ends by the same rules, without a look at the nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from transforms.mapping.graph_choices import GraphChoices

#: The kind of a node that has no label.
NO_LABEL = "(no label)"

_LABEL_ESCAPES = str.maketrans({"%": "%25", ":": "%3A"})

#: Combinations of labels (of properties too) that are remembered at a time.
REMEMBERED = 10_000
#: What the ids of relationships' edges begin with; the internal id follows.
RELATIONSHIP = "neo4j_rel_"


@dataclass(frozen=True, slots=True)
class NodeName:
    """What nodes of one combination of labels are called.

    Attributes:
        kind: All labels, sorted, joined by ``:``.
        space: The memory space.
        prefix: What ids made from a property begin with.
        identity: The position of that property among a row's ``identities``, or None.
    """

    kind: str
    space: str
    prefix: str
    identity: int | None

    def id(self, number: int, identities: Sequence[str | None]) -> str:
        """The memory's id: ``neo4j_Person:ann@example.org``, or ``neo4j_node_17``.

        The first form's first ``:`` ends the escaped label, and the second form has none: two
        nodes share an id only if they share the primary label and the value.

        Args:
            number: The node's internal id.
            identities: The texts of the properties that may name a node.
        """
        value = None if self.identity is None else identities[self.identity]
        return f"neo4j_node_{number}" if value is None else self.prefix + value


class NodeNames:
    """The names for combinations of labels, each worked out once.

    Args:
        choices: What the user said.
    """

    def __init__(self, choices: GraphChoices) -> None:
        self._choices = choices
        self._remembered = lru_cache(REMEMBERED)(self._name)

    def of(self, labels: Sequence[str]) -> NodeName:
        """The name for nodes with these labels, in any order."""
        return self._remembered(tuple(labels))

    def _name(self, labels: tuple[str, ...]) -> NodeName:
        choices = self._choices
        primary = choices.primary_label(labels)
        named_by = None if primary is None else choices.id_properties.get(primary)
        return NodeName(
            kind=":".join(sorted(labels)) or NO_LABEL,
            space=choices.space_of(labels),
            prefix=f"neo4j_{(primary or '').translate(_LABEL_ESCAPES)}:",
            identity=None if named_by is None else choices.identity_properties.index(named_by),
        )
