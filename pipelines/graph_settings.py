"""The settings of a migration from Neo4j, as choices of the mapping, and checked against the graph."""

from __future__ import annotations

from collections.abc import Collection

from engram_store.errors import ConfigurationError
from io_connectors.neo4j.census import Census
from io_connectors.neo4j.choices import check_identities, check_named
from io_connectors.neo4j.graph import Graph
from io_connectors.neo4j.rows import NODES, RELATIONSHIPS
from pipelines.settings.kinds import OBSERVED, bounds
from pipelines.settings.sources import Neo4jSettings
from transforms.mapping.graph_choices import EVERY, GraphChoices


def choices_of(settings: Neo4jSettings) -> GraphChoices:
    """What the user said about mapping the graph.

    Raises:
        ConfigurationError: A space's name, a range or the half-life is impossible.
    """
    ranges = settings.weight_range.items()
    return GraphChoices(
        memory_space=settings.memory_space or None,
        label_spaces=settings.label_to_space,
        space_prefix=settings.memory_space_prefix,
        unlabelled_space=settings.unlabelled_space,
        id_properties=settings.id_property,
        text_properties=settings.text_properties,
        time_properties=settings.timestamp_property,
        confidence=settings.confidence,
        activation=settings.activation,
        decay_rate=settings.decay_rate,
        content_limit=settings.max_content_bytes,
        edge_weight=settings.edge_weight,
        weight_properties=settings.weight_property,
        weight_ranges={name: bounds(name, text) for name, text in ranges if text != OBSERVED},
        age_properties=settings.age_property,
        half_life_days=settings.half_life_days,
    )


def check_against(settings: Neo4jSettings, graph: Graph, census: Census) -> None:
    """Refuses settings that name what the graph has not, or nodes by what does not tell them apart.

    Raises:
        ConfigurationError: There is such a setting.
    """
    _check_names(settings, census)
    _check_properties(settings, graph.property_names())
    check_identities(graph.connection, settings.id_property)


def _check_names(settings: Neo4jSettings, census: Census) -> None:
    labels = {label for sort in census.sorts(NODES) for label in sort}
    types = {kind for sort in census.sorts(RELATIONSHIPS) for kind in sort}
    check_named(settings.label_to_space, labels, "--label-to-space", "label")
    check_named(settings.id_property, labels, "--id-property", "label")
    check_named(settings.text_properties, labels, "--text-properties", "label")
    check_named(settings.timestamp_property, labels | types, "--timestamp-property", "label or type")
    if not settings.skip_edges:
        check_named(settings.weight_property, types, "--weight-property", "relationship type")
        check_named(settings.weight_range, types, "--weight-range", "relationship type")
        _check_ranges(settings)
        check_named(settings.age_property, types, "--age-property", "relationship type")
        check_named(settings.bidirectional_types, types, "--bidirectional-types", "relationship type")


def _check_properties(settings: Neo4jSettings, known: Collection[str]) -> None:
    texts = [name for names in settings.text_properties.values() for name in names]
    check_named(settings.id_property.values(), known, "--id-property", "property")
    check_named(texts, known, "--text-properties", "property")
    check_named(settings.timestamp_property.values(), known, "--timestamp-property", "property")
    if not settings.skip_edges:
        check_named(settings.weight_property.values(), known, "--weight-property", "property")
        check_named(settings.age_property.values(), known, "--age-property", "property")


def _check_ranges(settings: Neo4jSettings) -> None:
    properties = settings.weight_property
    for name in settings.weight_range:
        if not properties or (name != EVERY and name not in properties and EVERY not in properties):
            raise ConfigurationError(
                f"`--weight-range` has a range for `{name}`, and no property to read weights from",
                suggestion="name the property as well",
                example=f"--weight-property {name}:strength",
            )
