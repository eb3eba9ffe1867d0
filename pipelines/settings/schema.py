"""The published schema of configuration files.

python -m pipelines.settings.schema > docs/config.schema.json
"""

from __future__ import annotations

import json

from pipelines.settings.model import PostgresSettings, json_schema


def published() -> str:
    """The text of ``docs/config.schema.json``."""
    return json.dumps(json_schema(PostgresSettings), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(published(), end="")
