"""A small library as a graph: books, authors, readers, reviews.

    python -m demo.library neo4j://localhost:7687

For an empty database. The password is read from ``ENGRAM_MIGRATE_SOURCE_PASSWORD``.
"""

from __future__ import annotations

import sys
from importlib.resources import files

from demo import cypher

if __name__ == "__main__":
    print(cypher.run(sys.argv[1], files("demo").joinpath("library.cypher").read_text(encoding="utf-8")))
