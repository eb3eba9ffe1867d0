"""A migration from Neo4j as a loop: the driver's answers one after the other, and SQLite.

python -m benchmarks.loop_neo4j URL USER FILE    # the password is ENGRAM_MIGRATE_SOURCE_PASSWORD

The properties of ``benchmarks.graph`` are known by heart. Times come as the server's text, since JSON
wants text and the driver takes longer to read a time than all the rest of a node.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import neo4j
import orjson

from benchmarks.by_hand import BATCH, Memories, text_of
from pipelines.settings.load import PREFIX


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of the nodes of a label."""

    name: str
    texts: tuple[str, ...]
    time: str
    query: str


LABELS = (
    Label(
        "Person",
        ("name", "bio"),
        "joined",
        "MATCH (n:Person) RETURN id(n) AS id, n {.id, .name, .bio, .age, joined: toString(n.joined)} AS node",
    ),
    Label(
        "Post",
        ("title", "body"),
        "at",
        "MATCH (n:Post) RETURN id(n) AS id, n {.id, .title, .body, .stars, at: toString(n.at)} AS node",
    ),
)
_TIES = """
MATCH (a)-[r]->(b)
RETURN id(r) AS id, id(a) AS source, id(b) AS target, type(r) AS type, toString(r.since) AS since,
    r.strength AS strength
"""


def main(url: str, user: str, file: str) -> None:
    auth = (user, os.environ[f"{PREFIX}SOURCE_PASSWORD"])
    # The server warns of `id`, which it means to replace, in every answer.
    quiet = neo4j.NotificationMinimumSeverity.OFF
    with (
        closing(Memories(Path(file))) as memories,
        neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity=quiet) as driver,
        driver.session(fetch_size=BATCH) as session,
    ):
        for label in LABELS:
            for rows in _batches(session, label.query):
                texts = [text_of(row["node"], label.texts) for row in rows]
                memories.add([_memory(label, row) for row in rows], texts, [])
        for rows in _batches(session, _TIES):
            memories.add([], [], [_edge(row) for row in rows])


def _batches(session: neo4j.Session, query: str) -> Iterator[list[neo4j.Record]]:
    result = session.run(query)
    return iter(lambda: list(islice(result, BATCH)), [])


def _memory(label: Label, row: neo4j.Record) -> dict[str, Any]:
    node = row["node"]
    properties = {**node, label.time: _tagged("zoned_datetime", node[label.time])}
    return {
        "id": f"neo4j_node_{row['id']}",
        "space": label.name.lower(),
        "content": _json({"labels": [label.name], "properties": properties}),
        "confidence": 0.5,
        "activation": 0.5,
        "decay_rate": 0.01,
        "created_at": None,
        "kind": label.name,
        "key": str(row["id"]),
    }


def _edge(row: neo4j.Record) -> dict[str, Any]:
    return {
        "id": f"neo4j_rel_{row['id']}",
        "source": f"neo4j_node_{row['source']}",
        "target": f"neo4j_node_{row['target']}",
        "type": row["type"],
        "weight": 0.7,
        "properties": _json({"since": _tagged("date", row["since"]), "strength": row["strength"]}),
    }


def _tagged(type_: str, value: str) -> Mapping[str, str]:
    return {"$type": type_, "value": value}


def _json(document: Mapping[str, Sequence[str] | Mapping[str, Any]]) -> str:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


if __name__ == "__main__":
    main(*sys.argv[1:])
