"""Records that cannot be kept: found one by one, so that the others do not suffer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from engram_store.errors import MappingError
from io_connectors.pages import DeadLetter
from transforms.mapping.checks import why_refused

Row = TypeVar("Row")
Json = TypeVar("Json", str, "str | None")


def written(
    rows: Sequence[Row], write: Callable[[Row], Json], limit: int
) -> tuple[list[Row], list[Json], Mapping[int, str]]:
    """Writes each record's JSON, and leaves out those that cannot be kept.

    Args:
        rows: Records.
        write: Gives a record's JSON; raises MappingError if it has none.
        limit: Bytes that a JSON text may have.

    Returns:
        The rows that can be kept, their JSON, and position → reason for the others.
    """
    contents: list[Json | None] = []
    unwritable: dict[int, str] = {}
    for position, row in enumerate(rows):
        try:
            contents.append(write(row))
        except MappingError as error:
            contents.append(None)
            unwritable[position] = error.what
    too_large: Mapping[int, str] = why_refused([content or "" for content in contents], limit)
    refused: dict[int, str] = dict(sorted((*unwritable.items(), *too_large.items())))
    if not refused:
        return list(rows), contents, refused  # type: ignore[return-value]
    kept = [position for position in range(len(rows)) if position not in refused]
    return [rows[at] for at in kept], [contents[at] for at in kept], refused  # type: ignore[misc]


def refusal(page_id: str, kind: str, key: str, reason: str, record: str) -> DeadLetter:
    """The dead letter of a record that cannot be mapped; see ``DeadLetter`` for its fields."""
    return DeadLetter(
        stage="map",
        page_id=page_id,
        kind=kind,
        key=key,
        reason=reason,
        suggestion="repair the record in the source, then run `engram-migrate replay`",
        record=record,
    )
