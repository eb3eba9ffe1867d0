"""Dead letters of a graph."""

from __future__ import annotations

from io_connectors.neo4j.rows import NodeRow, RelationshipRow
from io_connectors.pages import DeadLetter
from transforms.mapping.graph_names import NO_LABEL
from transforms.mapping.graph_values import record_json
from transforms.mapping.refusals import refusal


def node_letter(page_id: str, row: NodeRow, reason: str) -> DeadLetter:
    """A refused node."""
    labels = sorted(row.labels)
    record = record_json({"id": row.id, "labels": labels}, row.keys, row.values)
    return refusal(page_id, ":".join(labels) or NO_LABEL, str(row.id), reason, record)


def relationship_letter(page_id: str, row: RelationshipRow, reason: str) -> DeadLetter:
    """A refused relationship."""
    record = {"id": row.id, "type": row.type, "start": row.start, "end": row.end}
    return refusal(page_id, row.type, str(row.id), reason, record_json(record, row.keys, row.values))
