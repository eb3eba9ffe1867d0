"""Reads pages of listed keys from the nodes that hold them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from engram_store.errors import MigrationError
from io_connectors.pages import DeadLetter, SourcePage
from io_connectors.redis.keyspace import KEYS, Selection
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.cluster import Nodes, open_nodes
from io_connectors.redis.live.fetched import Fetched, Gone, Refused
from io_connectors.redis.live.refusals import resumable, translating
from io_connectors.redis.live.session import PATIENT, Abilities
from io_connectors.redis.live.spool import Slice
from io_connectors.redis.live.values import Values
from io_connectors.redis.rows import KeyRow
from io_connectors.redis.spelling import spelled
from io_connectors.retry import ONCE, retrying


class LivePageReader:
    """Sessions with all nodes, reading page after page; a page is read again after a failure.

    Args:
        address: The server, or a node of the cluster.
        selection: Which keys are read; it names keys in dead letters.
        abilities: What can be done there.
    """

    def __init__(self, address: RedisAddress, selection: Selection, abilities: Abilities) -> None:
        self._address = address
        self._selection = selection
        self._abilities = abilities
        self._nodes: Nodes | None = None

    def read(self, page_id: str, place: Slice) -> SourcePage:
        """The keys of a page that are still there; one that cannot be read becomes a dead letter.

        Raises:
            Interrupted: The server stayed away for minutes.
            SourceError: The server refused, or the list of keys is not there.
        """
        keys = place.keys()
        with resumable():
            fetched = retrying(lambda: self._fetch(place.db, keys), PATIENT)
        rows = [one for one in fetched if isinstance(one, KeyRow)]
        letters = [self._letter(page_id, place.db, one) for one in fetched if isinstance(one, Refused)]
        gone = sum(isinstance(one, Gone) for one in fetched)
        return SourcePage(page_id, KEYS, rows, tuple(letters), gone)

    def close(self) -> None:
        """Closes the sessions."""
        if self._nodes is not None:
            self._nodes.close()
            self._nodes = None

    def _fetch(self, db: int, keys: Sequence[bytes]) -> list[Fetched]:
        if self._nodes is None:
            self._nodes = open_nodes(self._address, ONCE)
        fetched: list[Fetched] = []
        try:
            with translating(f"reading keys of `{self._address.display}`"):
                for session, group in self._nodes.grouped(keys).items():
                    fetched += Values(session.select(db), db, self._abilities).fetch(group)
        except MigrationError:
            # Replies may be under way still, and slots may have other nodes now.
            self.close()
            raise
        return fetched

    def _letter(self, page_id: str, db: int, refused: Refused) -> DeadLetter:
        record = {"db": db, "key": spelled(refused.key), "type": refused.type}
        return DeadLetter(
            stage="read",
            page_id=page_id,
            kind=refused.type,
            key=self._selection.name(db, refused.key),
            reason=refused.reason,
            suggestion=refused.suggestion,
            record=orjson.dumps(record).decode(),
        )
