"""What the migrations from each source have beside what all have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engram_store.model import CONFIDENCE
from pipelines.settings.kinds import (
    CONFIDENCE_LEVEL,
    Address,
    Databases,
    Lists,
    Number,
    Pairs,
    Ranges,
    Records,
    Switch,
    Text,
    Whole,
    Words,
)
from pipelines.settings.model import Settings, setting


@dataclass(frozen=True)
class PostgresSettings(Settings):
    """What a migration from PostgreSQL has."""

    include: tuple[str, ...] = setting(
        (), Words(), "only tables that match, e.g. 'public.*,app.users'", "source"
    )
    exclude: tuple[str, ...] = setting((), Words(), "no tables that match", "source")
    table_to_space: Mapping[str, str] = setting(
        {}, Pairs(), "spaces of tables: users:user_space,orders:order_space", "mapping", "--mappings"
    )
    text_columns: Mapping[str, tuple[str, ...]] = setting(
        {}, Lists(), "columns that are embedded: users:name,bio;orders:notes", "mapping"
    )
    timestamp_column: Mapping[str, str] = setting(
        {}, Pairs(lone="*"), "column for created_at: joined, or users:joined,orders:placed", "mapping"
    )
    keys: Mapping[str, tuple[str, ...]] = setting(
        {}, Lists(), "columns that identify a row where the database does not say: my_view:id", "mapping"
    )
    edge_weight: float = setting(0.8, Number(), "weight of foreign-key edges", "mapping")
    max_content_bytes: int = setting(
        64 * 1024 * 1024, Whole(1), "bytes of a row's JSON beyond which it is refused, never cut", "mapping"
    )
    references: tuple[Mapping[str, Any], ...] = setting(
        (),
        Records(
            (
                ("name", Text()),
                ("child", Text()),
                ("columns", Words()),
                ("parent", Text()),
                ("parent_columns", Words()),
            )
        ),
        "foreign keys that the database does not declare",
        "mapping",
    )


@dataclass(frozen=True)
class Neo4jSettings(Settings):
    """What a migration from Neo4j has."""

    source: str = setting("", Address(), "where the graph is, e.g. neo4j://localhost:7687", "source")
    source_user: str = setting("neo4j", Text(), "user of the database", "source")
    database: str = setting("", Text(), "database; by default the user's home database", "source")
    batch_size: int = setting(
        10_000, Whole(1), "internal ids a page: read, written and acknowledged together", "running"
    )
    label_to_space: Mapping[str, str] = setting(
        {},
        Pairs(),
        "spaces of labels: Person:people,Company:companies; the first that a node has is its primary label",
        "mapping",
        "--mappings",
    )
    memory_space_prefix: str = setting(
        "", Text(), "what the spaces of all other labels begin with", "mapping"
    )
    unlabelled_space: str = setting("unlabelled", Text(), "space of nodes without a label", "mapping")
    id_property: Mapping[str, str] = setting(
        {}, Pairs(), "properties that name nodes instead of the internal id: Person:email", "mapping"
    )
    text_properties: Mapping[str, tuple[str, ...]] = setting(
        {}, Lists(), "properties that are embedded: Person:name,bio;Movie:title", "mapping"
    )
    timestamp_property: Mapping[str, str] = setting(
        {}, Pairs(lone="*"), "property for created_at: joined, or Person:joined,KNOWS:since", "mapping"
    )
    confidence: float = setting(
        CONFIDENCE["MEDIUM"], CONFIDENCE_LEVEL, "confidence of memories that have text", "mapping"
    )
    edge_weight: float = setting(0.7, Number(), "weight of edges that no property gives one", "mapping")
    weight_property: Mapping[str, str] = setting(
        {}, Pairs(lone="*"), "property for an edge's weight: strength, or KNOWS:strength", "mapping"
    )
    weight_range: Mapping[str, str] = setting(
        {},
        Ranges(lone="*"),
        "values that mean weight 0 and 1: KNOWS:0..10, or KNOWS:observed for the least and the greatest",
        "mapping",
    )
    age_property: Mapping[str, str] = setting(
        {}, Pairs(lone="*"), "time by which an edge's weight decays: since, or KNOWS:since", "mapping"
    )
    half_life_days: float = setting(
        365.0, Number(least=1e-6, most=None), "days in which an edge's weight halves", "mapping"
    )
    bidirectional_types: tuple[str, ...] = setting(
        (), Words(), "relationship types that hold both ways, e.g. KNOWS,MARRIED_TO", "mapping"
    )
    max_content_bytes: int = setting(
        64 * 1024 * 1024, Whole(1), "bytes of a node's JSON beyond which it is refused, never cut", "mapping"
    )


@dataclass(frozen=True)
class RedisSettings(Settings):
    """What a migration from Redis or Valkey has."""

    source: str = setting(
        "", Address(), "a live server: redis://localhost:6379, rediss://… with TLS, or unix:///…", "source"
    )
    source_user: str = setting("", Text(), "user of the server, where it has users", "source")
    source_db: str = setting("0", Databases(), "databases to read: 0, or 0,3, or all", "source")
    use_rdb: str = setting("", Text(), "a dump file instead of a live server", "source")
    use_aof: str = setting(
        "", Text(), "a folder of append-only files, or one such file, instead of a live server", "source"
    )
    rdb_engine: str = setting(
        "native",
        Text(("native", "rdbtools")),
        "what decodes a dump file (rdbtools: up to version 9)",
        "source",
    )
    salvage: bool = setting(
        False, Switch(), "read what can be read of a damaged file, and say what cannot", "source"
    )
    match: str = setting("", Text(), "only keys that match, e.g. 'user:*'", "source", "--key-pattern")
    tls_ca_file: str = setting("", Text(), "certificates that the server's is checked by", "source")
    tls_cert_file: str = setting("", Text(), "certificate of this client", "source")
    tls_key_file: str = setting("", Text(), "key of that certificate", "source")
    memory_space: str = setting(
        "",
        Text(),
        "space of the keys that no pattern gives one; by default redis",
        "target",
        "--target-space",
    )
    key_to_space: Mapping[str, str] = setting(
        {},
        Pairs(),
        "spaces of keys: 'user:*:users,session:*:sessions'; behind the last colon is the space, the first"
        " pattern that matches counts",
        "mapping",
        "--mappings",
    )
    text_fields: Mapping[str, tuple[str, ...]] = setting(
        {}, Lists(), "fields of hashes that are embedded: 'user:*:name,bio;product:*:title'", "mapping"
    )
    hash_fields_as_memories: bool = setting(
        False, Switch(), "also make each field of a hash a memory, with an edge from the hash", "mapping"
    )
    zset_members_as_memories: bool = setting(
        False, Switch(), "also make each member of a zset a memory, its score the activation", "mapping"
    )
    ttl_as_decay: bool = setting(
        False, Switch(), "let what expires decay by 1 / hours left, instead of the decay rate", "mapping"
    )
    ttl_clock: str = setting(
        "dump",
        Text(("dump", "now")),
        "when times to live are counted from: when the dump was made, or now; of a live server always now",
        "mapping",
    )
    max_content_bytes: int = setting(
        64 * 1024 * 1024, Whole(1), "bytes of a key's JSON beyond which it is refused, never cut", "mapping"
    )
