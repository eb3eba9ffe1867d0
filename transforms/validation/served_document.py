"""What was seen of what is served, as JSON: how a worker hands it over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from transforms.validation.served import PageKey, Served, Tally
from transforms.validation.vectors import VectorTally


def document_of(served: Served) -> dict[str, Any]:
    """What was seen, as JSON has it."""
    return {
        "memories": _pages(served.memories),
        "edges": _pages(served.edges),
        "vectors": asdict(served.vectors),
        "runs": served.runs,
        "dangling": served.dangling,
    }


def served_of(document: Mapping[str, Any]) -> Served:
    """What was seen, from its JSON form."""
    vectors = dict(document["vectors"])
    zeros = {page: (count, names) for page, (count, names) in vectors.pop("zeros").items()}
    return Served(
        _tallies(document["memories"]),
        _tallies(document["edges"]),
        VectorTally(**vectors, zeros=zeros),
        {run: (model, started_at) for run, (model, started_at) in document["runs"].items()},
        document["dangling"],
    )


def _pages(tallies: Mapping[PageKey, Tally]) -> list[list[Any]]:
    # In a damaged index a record may be in no space, which as a key would become a text.
    return [
        [*key, tally.parts, tally.count, tally.total, list(tally.spaces.items())]
        for key, tally in tallies.items()
    ]


def _tallies(pages: list[list[Any]]) -> dict[PageKey, Tally]:
    return {
        (run, page): Tally(parts, count, total, Counter(dict(spaces)))
        for run, page, parts, count, total, spaces in pages
    }
