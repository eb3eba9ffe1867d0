"""What a reader asks the read index."""

from __future__ import annotations

_COLUMNS = """
memory.number, memory.space, memory.id, content, confidence, activation, decay_rate, created_at, kind, key
"""
MEMORY = f"""
SELECT {_COLUMNS}, run, name
FROM memory JOIN page ON page.first = (SELECT max(first) FROM page WHERE first <= memory.number)
"""
#: Of a page that is known: its run and name are put in, and need not be looked for at each row.
MEMORIES_OF_PAGE = f"""
SELECT {_COLUMNS}, ?, ?
FROM memory WHERE number >= ? AND number < ? AND space = ? ORDER BY number LIMIT ? OFFSET ?
"""
EDGE = """
SELECT edge.id, source.id, source.space, target.id, target.space, type, weight, edge.created_at, properties
FROM edge JOIN memory AS source ON source.number = edge.source
          JOIN memory AS target ON target.number = edge.target
"""
AT = {
    "out": "edge.source = :number",
    "in": "edge.target = :number",
    "both": "(edge.source = :number OR edge.target = :number)",
}
PLACE = "page.first, rows, run, name, vector_offset, vector_type"
PAGE_OF = f"SELECT {PLACE} FROM page WHERE first <= ? ORDER BY first DESC LIMIT 1"
PAGES_OF = f"""
SELECT {PLACE}, memories FROM page JOIN page_space USING (first) WHERE space = ? ORDER BY first
"""
