"""The published schemas of configuration files.

python -m pipelines.settings.schema neo4j > docs/config.neo4j.schema.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from pipelines.settings.model import Settings, json_schema
from pipelines.settings.sources import Neo4jSettings, PostgresSettings, RedisSettings

#: Source system → its settings.
SETTINGS: Mapping[str, type[Settings]] = {
    "neo4j": Neo4jSettings,
    "postgresql": PostgresSettings,
    "redis": RedisSettings,
}


def published(system: str) -> str:
    """The text of ``docs/config.<system>.schema.json``."""
    return json.dumps(json_schema(SETTINGS[system]), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(published(sys.argv[1]), end="")
