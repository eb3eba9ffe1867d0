"""The registry of pipelines: a further source is one line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

#: Source system → the module of its pipeline.
PIPELINES = {
    "neo4j": "pipelines.neo4j",
    "postgresql": "pipelines.postgresql",
    "redis": "pipelines.redis",
}


def main_of(system: str) -> Callable[[Sequence[str]], int]:
    """The command of a source's pipeline; imported only now, since Beam takes seconds."""
    main: Callable[[Sequence[str]], int] = pipeline_of(system).main
    return main


def pipeline_of(system: str) -> Any:
    """The module of a source's pipeline, with its ``COMMAND``, ``main`` and ``kept``."""
    return import_module(PIPELINES[system])
