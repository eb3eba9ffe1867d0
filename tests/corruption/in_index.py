"""Damages of the read index: what readers are given."""

from __future__ import annotations

from pathlib import Path

from tests.corruption.damage import EDGE, MEMORY, NEXT, Damage, edge, index, memory
from tests.corruption.made import OLDER, RUN

_EXTRA_MEMORY = (
    "INSERT INTO memory SELECT {}, space, {}, content, confidence, activation, "
    "decay_rate, created_at, kind, key FROM memory WHERE number = :m"
)
_EXTRA_EDGE = (
    "INSERT INTO edge SELECT (SELECT max(number) + 1 FROM edge), source, {}, {}, type, "
    "origin, weight, created_at, properties FROM edge WHERE number = :e"
)
_NEW_MEMORY = _EXTRA_MEMORY.format("(SELECT max(number) + 1 FROM memory)", "{}")


def _index_cut(store: Path) -> None:
    (path,) = store.glob("serving/*/index.sqlite")
    with path.open("r+b") as handle:
        handle.truncate(path.stat().st_size // 2)


IN_INDEX = (
    Damage("a memory dropped", index("DELETE FROM memory WHERE number = :m"), (MEMORY,)),
    Damage(
        "a memory dropped with its look-up",
        index("DELETE FROM memory WHERE number = :m", "DELETE FROM memory_key WHERE number = :m"),
        (MEMORY,),
    ),
    Damage("a look-up dropped", index("DELETE FROM memory_key WHERE number = :m"), (MEMORY,)),
    Damage(
        "two look-ups swapped",
        index(
            "UPDATE memory_key SET number = CASE number WHEN :m THEN :n ELSE :m END WHERE number IN (:m, :n)",
        ),
        (MEMORY, NEXT),
    ),
    Damage(
        "a look-up that finds another memory",
        index(
            "INSERT INTO memory_key SELECT space, 'ghost', number FROM memory_key WHERE number = :m",
        ),
        ("ghost",),
    ),
    Damage("a memory doubled", index(_NEW_MEMORY.format("id")), (MEMORY,)),
    Damage(
        "a memory added",
        index(
            _NEW_MEMORY.format("'ghost'"),
            "INSERT INTO memory_key SELECT space, id, number FROM memory WHERE id = 'ghost'",
        ),
        ("ghost",),
    ),
    Damage(
        "a memory added before all pages",
        index(
            _EXTRA_MEMORY.format("-5", "'ghost'"),
            "INSERT INTO memory_key SELECT space, id, number FROM memory WHERE id = 'ghost'",
        ),
        ("ghost",),
    ),
    Damage(
        "two contents swapped",
        index(
            "UPDATE memory SET content = (SELECT content FROM memory AS other WHERE other.number "
            "= :m + :n - memory.number) WHERE number IN (:m, :n)",
        ),
        (MEMORY, NEXT),
    ),
    Damage(
        "two memories swapped",
        index(
            "UPDATE memory SET number = -1 WHERE number = :m",
            "UPDATE memory SET number = :m WHERE number = :n",
            "UPDATE memory SET number = :n WHERE number = -1",
        ),
        (MEMORY, NEXT),
    ),
    Damage("content cut off", memory("content = substr(content, 1, 20)"), (MEMORY,)),
    Damage("content emptied", memory("content = ''"), (MEMORY,)),
    Damage("content gone", memory("content = NULL"), (MEMORY,)),
    Damage("content that is other JSON", memory("""content = '{"id":85}'"""), (MEMORY,)),
    Damage("one byte of content", memory("content = replace(content, 'Name of', 'Name oF')"), (MEMORY,)),
    Damage("content that is no text", memory("content = CAST(x'7b22ff7d' AS TEXT)"), (MEMORY,)),
    Damage("content that is bytes", memory("content = x'ff00ff'"), (MEMORY,)),
    Damage(
        "a wrong id",
        index(
            "UPDATE memory SET id = 'users_x' WHERE number = :m",
            "UPDATE memory_key SET id = 'users_x' WHERE number = :m",
        ),
        (MEMORY, "users_x"),
    ),
    Damage(
        "a wrong space",
        index(
            "UPDATE memory SET space = (SELECT id FROM space WHERE name = 'posts') WHERE number = :m",
            "UPDATE memory_key SET space = (SELECT id FROM space WHERE name = 'posts') WHERE number = :m",
        ),
        (f"users/{MEMORY}", f"posts/{MEMORY}"),
    ),
    Damage("a wrong confidence", memory("confidence = 0.4"), (MEMORY, "confidence")),
    Damage("a confidence wrong in its last place", memory("confidence = confidence + 1e-9"), (MEMORY,)),
    Damage("a wrong activation", memory("activation = 0.1"), (MEMORY, "activation")),
    Damage("a wrong time to live", memory("decay_rate = decay_rate * 2"), (MEMORY, "decay_rate")),
    Damage("a wrong time", memory("created_at = ifnull(created_at, 0) + 1000000"), (MEMORY, "created_at")),
    Damage(
        "a time gone", index("UPDATE memory SET created_at = NULL WHERE number = :n"), (NEXT, "created_at")
    ),
    Damage("a wrong source key", memory("key = '9999'"), (MEMORY, "source")),
    Damage(
        "a wrong source table",
        memory("kind = (SELECT id FROM kind WHERE kind = 'string')"),
        (MEMORY, "source"),
    ),
    Damage(
        "a wrong count of a space",
        index("UPDATE space SET memories = memories + 1 WHERE name = 'users'"),
        ("users",),
    ),
    Damage(
        "a wrong count of a page's space",
        index("UPDATE page_space SET memories = memories - 1 WHERE first <= :m AND first + 40 > :m"),
        ("users",),
    ),
    Damage(
        "a wrong count of edges",
        index("UPDATE origin SET edges = edges - 1 WHERE name = 'fk_knows'"),
        ("fk_knows",),
    ),
    Damage("a space renamed", index("UPDATE space SET name = 'people' WHERE name = 'users'"), ("people",)),
    Damage(
        "a page lost",
        index("DELETE FROM page WHERE name = 'p2' AND first <= :m AND first + 40 > :m"),
        ("p2", MEMORY),
    ),
    Damage(
        "a page and its memories lost",
        index(
            "DELETE FROM memory WHERE number >= :m - 5 AND number < :m + 35",
            "DELETE FROM memory_key WHERE number >= :m - 5 AND number < :m + 35",
            "DELETE FROM page WHERE first = :m - 5",
        ),
        (MEMORY,),
    ),
    Damage("a page renamed", index("UPDATE page SET name = 'p77' WHERE first = :m - 5"), ("p77", MEMORY)),
    Damage(
        "a page given to another run",
        index(f"UPDATE page SET run = (SELECT id FROM run WHERE name = '{OLDER}') WHERE first = :m - 5"),
        ("p2", MEMORY),
    ),
    Damage(
        "vectors taken from another place",
        index("UPDATE page SET vector_offset = vector_offset + 1536 WHERE first = :m - 5"),
        (MEMORY,),
    ),
    Damage(
        "vectors of another page", index("UPDATE page SET vector_offset = 4 WHERE first = :m - 5"), (MEMORY,)
    ),
    Damage(
        "vectors of another type",
        index("UPDATE page SET vector_type = 'float32' WHERE first = :m - 5"),
        (MEMORY,),
    ),
    Damage(
        "the run's name as bytes",
        index(f"UPDATE run SET name = x'ff00' WHERE name = '{RUN}'"),
        ("table `run`",),
    ),
    Damage("a page's name as bytes", index("UPDATE page SET name = x'ff' WHERE first = :m - 5"), (MEMORY,)),
    Damage("a model as bytes", index(f"UPDATE run SET model = x'00' WHERE name = '{RUN}'"), ("table `run`",)),
    Damage(
        "a start as text", index(f"UPDATE run SET started_at = 'x' WHERE name = '{RUN}'"), ("table `run`",)
    ),
    Damage(
        "a start that never was",
        index(f"UPDATE run SET started_at = 9e999 WHERE name = '{RUN}'"),
        ("table `run`",),
    ),
    Damage("a wrong model", index(f"UPDATE run SET model = 'openai/x' WHERE name = '{RUN}'"), ("openai/x",)),
    Damage(
        "a wrong start", index(f"UPDATE run SET started_at = started_at + 60 WHERE name = '{RUN}'"), (RUN,)
    ),
    Damage("an edge dropped", index("DELETE FROM edge WHERE number = :e"), (EDGE,)),
    Damage("an edge added", index(_EXTRA_EDGE.format("target", "'ghost'")), ("ghost",)),
    Damage("an edge doubled", index(_EXTRA_EDGE.format("target", "id")), (EDGE,)),
    Damage(
        "an edge reversed",
        index("UPDATE edge SET source = target, target = source WHERE number = :e"),
        (EDGE,),
    ),
    Damage("an edge of another weight", edge("weight = weight + 0.01"), (EDGE, "weight")),
    Damage(
        "an edge of another type", edge("type = (SELECT id FROM type WHERE name = 'WROTE')"), (EDGE, "type")
    ),
    Damage(
        "an edge of another origin",
        edge("origin = (SELECT id FROM origin WHERE name = 'fk_author')"),
        (EDGE,),
    ),
    Damage("an edge of another id", edge("id = 'knows:x'"), (EDGE, "knows:x")),
    Damage("an edge to another memory", edge("target = target + 1"), (EDGE, "target")),
    Damage("an edge from another memory", edge("source = source - 1"), (EDGE, "source")),
    Damage("an edge to nothing", edge("target = 999999"), (EDGE, "nothing")),
    Damage("an edge from nothing", edge("source = 999999"), (EDGE, "nothing")),
    Damage("an edge with properties", edge("properties = '{}'"), (EDGE, "properties")),
    Damage("an edge with another time", edge("created_at = 1"), (EDGE, "created_at")),
    Damage(
        "properties altered",
        index("""UPDATE edge SET properties = '{"note":"x"}' WHERE id = 'author:posts_60'"""),
        ("author:posts_60", "properties"),
    ),
    Damage(
        "properties gone",
        index("UPDATE edge SET properties = NULL WHERE id = 'author:posts_60'"),
        ("author:posts_60", "properties"),
    ),
    Damage(
        "all edges of a page lost",
        index("DELETE FROM edge WHERE number >= :e - 5 AND number < :e + 34"),
        (EDGE,),
    ),
    Damage(
        "a page of edges lost",
        index(
            "DELETE FROM edge WHERE number >= :e - 5 AND number < :e + 34",
            "DELETE FROM edge_page WHERE name = 'p2'",
        ),
        (EDGE,),
    ),
    Damage(
        "an orphan served",
        index(
            "INSERT INTO edge SELECT (SELECT max(number) + 1 FROM edge), source, 999999, "
            "'author:posts_43', type, origin, weight, created_at, properties FROM edge WHERE "
            "number = :e",
        ),
        ("author:posts_43",),
    ),
    Damage("an index cut off", _index_cut, ("index",)),
)
