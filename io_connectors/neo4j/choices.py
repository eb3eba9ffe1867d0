"""Whether what the user named is there, and holds what it must."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from engram_store.errors import ConfigurationError
from io_connectors.neo4j.session import Connection, translating


def check_named(named: Iterable[str], known: Iterable[str], setting: str, noun: str) -> None:
    """Refuses names that nothing in the graph has; ``*`` stands for all.

    Args:
        named: What the setting names.
        known: What there is.
        setting: The setting's flag.
        noun: What is named: ``label`` or ``relationship type``.

    Raises:
        ConfigurationError: A name is unknown.
    """
    there = sorted(set(known))
    for name in named:
        if name != "*" and name not in there:
            near = difflib.get_close_matches(name, there, n=3)
            raise ConfigurationError(
                f"`{setting}` names a {noun} `{name}`, which nothing in the graph has",
                why=f"there are {', '.join(f'`{one}`' for one in there[:20]) or 'none'}",
                suggestion=f"did you mean {' or '.join(f'`{one}`' for one in near)}?"
                if near
                else "see --dry-run",
            )


def check_identities(connection: Connection, properties: Mapping[str, str]) -> None:
    """Refuses properties that do not tell the nodes of their label apart.

    Args:
        connection: Open.
        properties: Label → property.

    Raises:
        ConfigurationError: Two nodes of the label have the same value, or none has one.
    """
    for label, name in properties.items():
        with translating(f"looking at `{label}.{name}`"):
            ((nodes, named, distinct),) = connection.read(
                "MATCH (n) WHERE $label IN labels(n) WITH toStringOrNull(n[$property]) AS name"
                " RETURN count(*), count(name), count(DISTINCT name)",
                label=label,
                property=name,
            )
        if distinct != named or not named:
            raise ConfigurationError(
                f"`{label}.{name}` cannot name the nodes labelled `{label}`",
                why=f"of {nodes:,} nodes {named:,} have it, with {distinct:,} distinct values",
                suggestion="name a property that is unique, or keep the internal ids",
            )


def observed_ranges(connection: Connection, name: str) -> dict[str, tuple[float, float]]:
    """The least and the greatest finite number that a property has, by relationship type.

    Args:
        connection: Open.
        name: The property.
    """
    with translating(f"looking for the range of `{name}`"):
        found = connection.read(
            "MATCH ()-[r]->() WITH type(r) AS type, r[$property] AS v"
            # The server evaluates these in any order: none may fail on a text.
            " WITH type, toFloatOrNull(v) AS number WHERE abs(number) < 1e300 AND toStringOrNull(v) <> v"
            " RETURN type, min(number), max(number)",
            property=name,
        )
    return {kind: (low, high) for kind, low, high in found}
