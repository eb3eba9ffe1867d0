"""What must hold before anything is sent."""

from __future__ import annotations

from datetime import timedelta

from engram_store.errors import PreflightError
from io_connectors.engram.public.choices import FAIL
from io_connectors.engram.public.client import PublicServer
from io_connectors.engram.public.names import MOST_PER_SPACE
from io_connectors.engram.public.pace import seconds_for
from io_connectors.engram.public.survey import Survey

_SHOWN = 5


def check_sizes(survey: Survey) -> None:
    """Refuses more than a space can hold.

    Raises:
        PreflightError: It does.
    """
    for name, space in survey.spaces.items():
        if space.memories > MOST_PER_SPACE:
            raise _too_many(name, f"{space.memories:,} memories are to be delivered to it")


def check_absorption(survey: Survey, on_absorbed: str) -> None:
    """Refuses what the server would take for duplicates, unless that was accepted.

    Raises:
        PreflightError: Some would be absorbed.
    """
    if not survey.absorbed or on_absorbed != FAIL:
        return
    some = [f"`{space}/{id}` by `{by}`" for (space, id), by in list(survey.absorbed.items())[:_SHOWN]]
    more = ", …" if len(survey.absorbed) > _SHOWN else ""
    total = sum(len(space.rows) for space in survey.spaces.values())
    raise PreflightError(
        f"the Engram server would absorb {len(survey.absorbed):,} of {total:,} memories: only one of each"
        " group of near-equal vectors would be left",
        why=f"it takes vectors with a cosine of 0.95 or more for one memory: {', '.join(some)}{more};"
        " nothing was sent, and what was read is kept in the staging store",
        suggestion="let their vectors be moved apart a little, or accept the loss (`report`), or migrate to"
        " an embedded store or to `engram-migrate serve`, which absorb nothing",
        example="--on-absorbed disambiguate",
    )


def open_spaces(survey: Survey, server: PublicServer) -> dict[str, int]:
    """Makes the spaces, and sees that each has room.

    Returns:
        How many memories each holds already.

    Raises:
        PreflightError: A space would hold more than the server keeps.
        MigrationError: The server is not there, or does not take the key.
    """
    held = {}
    for name, space in survey.spaces.items():
        server.make_space(name)
        held[name] = server.count(name)
        if held[name] + space.new > MOST_PER_SPACE:
            raise _too_many(name, f"it holds {held[name]:,}, and {space.new:,} are to come")
    return held


def expectation(survey: Survey, held: dict[str, int]) -> str:
    """What is about to be done, and roughly how long it takes."""
    new = survey.new()
    took = timedelta(seconds=round(seconds_for(new, held)))
    parts = [f"{sum(new.values()):,} memories to send to {len(new):,} spaces, about {took}"]
    if survey.moved:
        parts.append(f"{survey.moved:,} vectors moved apart")
    if survey.absorbed:
        parts.append(f"{len(survey.absorbed):,} will be absorbed, as accepted")
    return "; ".join(parts)


def _too_many(space: str, why: str) -> PreflightError:
    return PreflightError(
        f"the space `{space}` would hold more than the Engram server keeps of one",
        why=f"{why}; beyond {MOST_PER_SPACE:,} it drops memories without a word; nothing was sent",
        suggestion="spread the records over more spaces, or choose an embedded store or"
        " `engram-migrate serve` as target, which have no such limit",
        example="--target ./engram-data",
    )
