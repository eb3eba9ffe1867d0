"""What the user said about mapping a graph."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engram_store.errors import ConfigurationError
from engram_store.model import CONFIDENCE
from io_connectors.neo4j.rows import NODES, RELATIONSHIPS
from transforms.mapping.digests import digest
from transforms.mapping.spaces import check_space, slug

#: Stands for every label or type that has no entry of its own.
EVERY = "*"


@dataclass(frozen=True, slots=True)
class GraphChoices:
    """How nodes become memories and relationships become edges.

    Attributes:
        memory_space: One space for every node, or None for a space a label.
        label_spaces: Label → space. Of a node's labels, the first that stands here, in this
            order, is its primary one.
        space_prefix: Put before labels to make the names of the other spaces.
        unlabelled_space: The space of nodes without label.
        id_properties: Label → the property whose value names its nodes.
        text_properties: Label → properties whose words are embedded, in this order.
        time_properties: Label, type or ``*`` → the property for ``created_at``.
        confidence: Of every memory, 0 to 1; one without text gets LOW when it is embedded.
        activation: Of every memory, 0 to 1.
        decay_rate: Of every memory, per hour.
        content_limit: Bytes of content beyond which a record is refused rather than cut.
        edge_weight: Of edges whose relationship tells no weight, 0 to 1.
        weight_properties: Type or ``*`` → the property that tells a weight.
        weight_ranges: Type or ``*`` → the values of it that stand for weights 0 and 1; 0 and 1
            themselves where nothing is said.
        age_properties: Type or ``*`` → the property that tells since when a relationship ages.
        half_life_days: The age at which half of a weight is left.

    Raises:
        ConfigurationError: A space's name, a range or the half-life is impossible.
    """

    memory_space: str | None = None
    label_spaces: Mapping[str, str] = field(default_factory=dict)
    space_prefix: str = ""
    unlabelled_space: str = "unlabelled"
    id_properties: Mapping[str, str] = field(default_factory=dict)
    text_properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_properties: Mapping[str, str] = field(default_factory=dict)
    confidence: float = CONFIDENCE["MEDIUM"]
    activation: float = 0.5
    decay_rate: float = 0.01
    content_limit: int = 64 * 1024 * 1024
    edge_weight: float = 0.7
    weight_properties: Mapping[str, str] = field(default_factory=dict)
    weight_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    age_properties: Mapping[str, str] = field(default_factory=dict)
    half_life_days: float = 365.0

    def __post_init__(self) -> None:
        chosen = () if self.memory_space is None else (self.memory_space,)
        for space in (*chosen, *self.label_spaces.values(), self.unlabelled_space):
            check_space(space)
        for type_, (low, high) in self.weight_ranges.items():
            _check_range(type_, low, high)
        if not 0 < self.half_life_days < math.inf:
            raise ConfigurationError(
                f"a half-life of {self.half_life_days:g} days is not possible",
                suggestion="choose a number of days above 0",
            )

    @property
    def identity_properties(self) -> tuple[str, ...]:
        """The properties that may name a node, in the order of a row's ``identities``."""
        return tuple(sorted(set(self.id_properties.values())))

    def primary_label(self, labels: Iterable[str]) -> str | None:
        """The label that decides over a node's space and id.

        The first of ``label_spaces`` that the node has; failing that, the first of its labels
        by code points, so that neither the server's order nor a locale matters; None without
        labels.
        """
        own = set(labels)
        listed = next((label for label in self.label_spaces if label in own), None)
        return listed if listed is not None else min(own, default=None)

    def space_of(self, labels: Iterable[str]) -> str:
        """The space of the nodes with these labels."""
        if self.memory_space is not None:
            return self.memory_space
        primary = self.primary_label(labels)
        if primary is None:
            return self.unlabelled_space
        return self.label_spaces.get(primary) or slug(self.space_prefix + primary, "label")

    def digests(self) -> dict[str, str]:
        """A digest of all that decides what nodes become, and one for relationships."""
        return {
            NODES: digest(self, (*_NAMING, *_MEMORIES), _ORDERED),
            RELATIONSHIPS: digest(self, (*_NAMING, *_EDGES), _ORDERED),
        }


@dataclass(frozen=True, slots=True)
class GraphMapping:
    """The user's choices, and the instant of the run; small, and the same in every worker.

    Attributes:
        choices: What the user said.
        as_of: Microseconds since 1970 UTC, as of which the ages of relationships are taken.
    """

    choices: GraphChoices
    as_of: int


# A record that was refused for its size may be let in by a later attempt: no content_limit.
_NAMING = ("memory_space", "label_spaces", "space_prefix", "unlabelled_space", "id_properties")
_MEMORIES = ("text_properties", "time_properties", "confidence", "activation", "decay_rate")
_EDGES = (
    *("time_properties", "edge_weight", "weight_properties", "weight_ranges"),
    *("age_properties", "half_life_days"),
)
_ORDERED = ("label_spaces",)


def _check_range(type_: str, low: float, high: float) -> None:
    if not math.isfinite(high - low):
        raise ConfigurationError(
            f"the weights of `{type_}` cannot range from {low:g} to {high:g}",
            suggestion="name two numbers: the value for weight 0, and the value for weight 1",
        )
