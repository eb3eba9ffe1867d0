"""How many bytes keys take, from a sample."""

from __future__ import annotations

from io_connectors.redis.live.census import Listing
from io_connectors.redis.live.cluster import Nodes
from io_connectors.redis.live.refusals import translating
from io_connectors.redis.live.session import Abilities

_SAMPLE_KEYS = 200
#: One large value in the sample shall not make all pages small: what a value counts at most.
_MOST = 1024 * 1024
#: Where the server does not tell.
_UNKNOWN = 500.0


def mean_bytes(nodes: Nodes, db: int, listed: Listing, abilities: Abilities) -> float:
    """Bytes of a key and its value in the server's memory, about.

    Args:
        nodes: The nodes that hold keys.
        db: The database.
        listed: Its keys.
        abilities: What can be done there.

    Raises:
        SourceError: The server failed.
    """
    sizes: list[int] = []
    with translating("asking for the sizes of keys"):
        for session, keys in nodes.grouped(listed.sample(_SAMPLE_KEYS)).items():
            if abilities.memory_usage:
                replies = session.select(db).exchange([("MEMORY", "USAGE", key) for key in keys])
                sizes += [min(reply, _MOST) for reply in replies if isinstance(reply, int)]
    return sum(sizes) / len(sizes) if sizes else _UNKNOWN
