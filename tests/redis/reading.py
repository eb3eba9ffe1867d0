"""A live server read whole by our reader, and what its dump file says of the same keys."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from io_connectors.pages import SourcePage
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.keyspace import open_live
from io_connectors.redis.rows import Group, KeyRow, Stream
from tests.redis.live import in_order
from tests.redis.whole import read_whole
from tests.servers.redis import RedisServer

ALL = Selection(databases=None)


def pages_of(
    address: RedisAddress, selection: Selection = ALL, *, page_keys: int = 100, **abilities: bool
) -> list[SourcePage]:
    """All pages of a server; abilities that are named False are done without."""
    with TemporaryDirectory() as folder:
        with open_live(address, selection, page_keys, Path(folder)) as live:
            able = replace(live.abilities, **abilities)
            plan = replace(live, abilities=able).plan({}, anew=False)
            with closing(plan.open_reader()) as reader:
                pages = [reader.read(page_id, page.place) for page_id, page in plan.pages.items()]
            for page, planned in zip(pages, plan.pages.values(), strict=True):
                assert len(page) + page.gone + len(page.dead_letters) == planned.rows
            assert sum(plan.counts.values()) == sum(page.rows for page in plan.pages.values())
        assert not list(Path(folder).iterdir())
    return pages


def read_live(
    server: RedisServer, selection: Selection = ALL, *, page_keys: int = 100, **abilities: bool
) -> list[KeyRow]:
    """All keys of a server that has no key but those that can be read, in order."""
    pages = pages_of(RedisAddress.parse(server.url), selection, page_keys=page_keys, **abilities)
    assert not any(page.gone or page.dead_letters for page in pages)
    return ordered([row for page in pages for row in page.rows])


def read_dump(server: RedisServer) -> list[KeyRow]:
    """All keys of a server as its dump file tells them, in order."""
    rows: Any = read_whole(server.save())
    return ordered(rows)


def ordered(rows: Sequence[Any]) -> list[KeyRow]:
    """Rows by database and key, none twice."""
    found = sorted(in_order(list(rows)), key=lambda row: (row.db, row.key))
    assert len({(row.db, row.key) for row in found}) == len(found)
    return found


def assert_same(rows: Sequence[KeyRow], exact: Sequence[KeyRow], slack: int = 0) -> None:
    """Asserts that rows are the same, but for times that may differ by some milliseconds."""
    assert [row.key for row in rows] == [row.key for row in exact]
    for row, other in zip(rows, exact, strict=True):
        assert _timed_as(row, other, slack) == other


def _timed_as(row: KeyRow, other: KeyRow, slack: int) -> KeyRow:
    """A row with the other's times where they are near enough."""
    value: Any = row.value
    if isinstance(value, Stream) and isinstance(other.value, Stream):
        groups = zip(value.groups, other.value.groups, strict=True)
        value = value._replace(groups=[_delivered_as(group, exact, slack) for group, exact in groups])
    return row._replace(value=value, expire_at=_near(row.expire_at, other.expire_at, slack))


def _delivered_as(group: Group, exact: Group, slack: int) -> Group:
    pending = [
        one._replace(delivered_at=_near(one.delivered_at, true.delivered_at, slack))
        for one, true in zip(group.pending, exact.pending, strict=True)
    ]
    return group._replace(pending=pending)


def _near(time: int | None, exact: int | None, slack: int) -> Any:
    return exact if time and exact and abs(time - exact) <= slack else time
