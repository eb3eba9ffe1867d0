"""The checks that are made only when they are asked for, since they take their time: latency, meaning."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from engram_store.errors import MigrationError
from io_connectors.engram.home import MemoryReader, RunHome, TargetRun
from pipelines import latency, meaning
from pipelines.planned import PlannedSource
from pipelines.report import Check
from pipelines.sampled import sampled_places, sampled_texts
from pipelines.settings.model import Settings
from transforms.embedding.provider import embedder_of

#: Records that are looked up, and memories that are recalled.
SAMPLES = 100


def asked_checks(
    settings: Settings, home: RunHome, run: TargetRun, source: PlannedSource
) -> tuple[Check, ...]:
    """The checks that ``--check-latency`` and ``--check-meaning`` ask for.

    Args:
        settings: The settings.
        home: The target.
        run: The run, committed and finalized.
        source: Its source, planned, and still open.
    """
    asked = {
        latency.NAME: _latency if settings.check_latency else None,
        meaning.NAME: _meaning if settings.check_meaning else None,
    }
    with home.reader() as reader:
        return tuple(_made(name, ask, reader, run, source) for name, ask in asked.items() if ask)


Ask = Callable[[MemoryReader, TargetRun, PlannedSource], Check]


def _made(name: str, ask: Ask, reader: MemoryReader, run: TargetRun, source: PlannedSource) -> Check:
    """The check; one that cannot be made has not passed, and does not take the run's report with it."""
    try:
        return ask(reader, run, source)
    except MigrationError as error:
        return Check(name, False, "it could not be made", tuple(error.lines()))


def _latency(reader: MemoryReader, run: TargetRun, source: PlannedSource) -> Check:
    places = sampled_places(run, SAMPLES, Random(run.id))
    return latency.latency_check(source.lookups, reader, places)


def _meaning(reader: MemoryReader, run: TargetRun, source: PlannedSource) -> Check:
    texts = sampled_texts(source, run, SAMPLES, Random(run.id))
    return meaning.meaning_check(reader, embedder_of(run.model), texts)
