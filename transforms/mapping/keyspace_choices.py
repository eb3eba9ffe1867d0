"""What the user said about mapping a keyspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engram_store.model import CONFIDENCE
from transforms.mapping.digests import digest
from transforms.mapping.spaces import check_space

#: The relation of a source page of keys, and the group in which they are counted.
KEYS = "keys"

#: The space of keys for which none was chosen.
DEFAULT_SPACE = "redis"


@dataclass(frozen=True, slots=True)
class KeyspaceChoices:
    """How keys become memories, and which of them also edges.

    Attributes:
        key_spaces: Pattern → space; the first pattern that a key matches decides.
        memory_space: The space of the keys that match none.
        text_fields: Pattern → fields of hashes whose words are embedded, in this order; the
            first pattern that a key matches decides.
        hash_fields_as_memories: Whether each field of a hash also becomes a memory of its own.
        zset_members_as_memories: Whether each member of a zset also becomes a memory of its own.
        edges: Whether such memories get edges.
        ttl_as_decay: Whether what expires decays by the time that it has left.
        confidence: Of every memory, 0 to 1; one without text gets LOW when it is embedded.
        activation: Of every memory, 0 to 1, but for members of zsets, whose scores tell it.
        decay_rate: Of every memory, per hour, unless its time to live tells it.
        content_limit: Bytes of a key's content beyond which it is refused rather than cut.

    Raises:
        ConfigurationError: A space's name is impossible.
    """

    key_spaces: Mapping[str, str] = field(default_factory=dict)
    memory_space: str = DEFAULT_SPACE
    text_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hash_fields_as_memories: bool = False
    zset_members_as_memories: bool = False
    edges: bool = True
    ttl_as_decay: bool = False
    confidence: float = CONFIDENCE["HIGH"]
    activation: float = 0.5
    decay_rate: float = 0.01
    content_limit: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        for space in self.spaces:
            check_space(space)

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that keys may go to."""
        return tuple(dict.fromkeys((*self.key_spaces.values(), self.memory_space)))

    def digests(self) -> dict[str, str]:
        """A digest of all that decides what keys become."""
        return {KEYS: digest(self, _DECIDING, ordered=("key_spaces", "text_fields"))}


@dataclass(frozen=True, slots=True)
class KeyspaceMapping:
    """The user's choices, and what holds for the whole run; small, and the same in every worker.

    Attributes:
        choices: What the user said.
        as_of: Milliseconds since 1970 UTC: what expires until then is left out, and what expires
            later has the time from then on left.
        several_databases: Whether more than one database is read, so that ids must name it.
    """

    choices: KeyspaceChoices
    as_of: int
    several_databases: bool = False


# A key that was refused for its size may be let in by a later attempt: no content_limit.
_DECIDING = (
    *("key_spaces", "memory_space", "text_fields", "hash_fields_as_memories"),
    *("zset_members_as_memories", "edges", "ttl_as_decay", "confidence", "activation", "decay_rate"),
)
